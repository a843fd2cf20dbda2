import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { createTempDir } from "../../test/support/temp-dir.ts";
import { explainForeign, findPortOwner } from "./port-owner.ts";

const head =
  "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode";
const line = (local: string, uid: number, state = "0A") =>
  `   0: ${local} 00000000:0000 ${state} 00000000:00000000 00:00000000 00000000 ${uid} 0 1061 1 0 100 0 0 10 0`;

/** Port 18789 is 4965. */
const table: readonly (readonly [
  name: string,
  lines: { readonly tcp: readonly string[]; readonly tcp6?: readonly string[] },
  kind: string,
])[] = [
  ["this user", { tcp: [line("0100007F:4965", 1000)] }, "own"],
  ["root", { tcp: [line("00000000:4965", 0)] }, "own"],
  ["another user", { tcp: [line("0100007F:4965", 1001)] }, "foreign"],
  ["another user at every address", { tcp: [line("00000000:4965", 1001)] }, "foreign"],
  ["another user by version 6", { tcp: [], tcp6: [line(`${"0".repeat(32)}:4965`, 1001)] }, "foreign"],
  [
    "this user, where another has all other addresses",
    { tcp: [line("00000000:4965", 1001), line("0100007F:4965", 1000)] },
    "own",
  ],
  ["nobody, but for another port", { tcp: [line("0100007F:4966", 1001)] }, "nobody"],
  ["nobody, but for an old connection", { tcp: [line("0100007F:4965", 1001, "06")] }, "nobody"],
  [
    "this user with an address of version 4 in version 6",
    { tcp: [], tcp6: [line("0000000000000000FFFF00000100007F:4965", 1000)] },
    "own",
  ],
];

describe("who listens at a port", () => {
  test.each(table)("is %s", async (_, { tcp, tcp6 = [] }, kind) => {
    await using root = await createTempDir();
    await Bun.write(join(root.path, "proc/net/tcp"), [head, ...tcp, ""].join("\n"));
    await Bun.write(join(root.path, "proc/net/tcp6"), [head, ...tcp6, ""].join("\n"));
    const look = { root: root.path, uid: 1000 };
    expect(findPortOwner("ws://127.0.0.1:18789", look).kind as string).toBe(kind);
    expect(findPortOwner("http://127.0.0.1:18789/path", look).kind as string).toBe(kind);
    expect(findPortOwner("http://192.0.2.1:18789", look)).toEqual({ kind: "unknown" });
  });

  test("is another user where a name may mean that one's address", async () => {
    await using root = await createTempDir();
    await Bun.write(join(root.path, "proc/net/tcp"), [head, line("0100007F:4965", 1000)].join("\n"));
    const v6 = line("00000000000000000000000001000000:4965", 1001);
    await Bun.write(join(root.path, "proc/net/tcp6"), [head, v6].join("\n"));
    const look = { root: root.path, uid: 1000 };
    expect(findPortOwner("http://localhost:18789", look)).toEqual({
      kind: "foreign",
      uid: 1001,
      port: 18789,
    });
    expect(findPortOwner("http://[::1]:18789", look)).toMatchObject({ kind: "foreign" });
    expect(findPortOwner("http://127.0.0.1:18789", look)).toEqual({ kind: "own" });
  });

  test("is not known where the system has no such table, and then nothing is held back", async () => {
    await using root = await createTempDir();
    const owner = findPortOwner("http://127.0.0.1:1", { root: root.path, uid: 1000 });
    expect(owner).toEqual({ kind: "unknown" });
    expect(explainForeign(owner)).toBeNull();
  });

  test("is this process for its own server", async () => {
    await using server = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: () => new Response("") });
    const expected = process.platform === "linux" ? "own" : "unknown";
    expect(findPortOwner(`http://127.0.0.1:${server.port}`).kind as string).toBe(expected);
    expect(findPortOwner(`http://localhost:${server.port}`).kind as string).toBe(expected);
    await server.stop(true);
    if (process.platform !== "linux") return;
    expect(explainForeign(findPortOwner(`http://127.0.0.1:${server.port}`))).toContain("nothing");
  });
});
