import { describe, expect, test } from "bun:test";
import { parseTrace, shownBytes } from "./parse-trace.ts";

describe("a trace", () => {
  test("gives calls with what their descriptor refers to, what they returned and when", () => {
    const [call] = parseTrace(`14377 1795377911.750304 fsync(9</home/x/mesh.db-wal>) = 0`);
    expect(call).toEqual({
      pid: 14377,
      name: "fsync",
      target: "/home/x/mesh.db-wal",
      args: "",
      beganAt: 0,
      returnedAt: 0,
      atMs: 1795377911750.304,
      result: 0,
    });
  });

  test("puts a call that others interrupted together, and keeps who began first", () => {
    const calls = parseTrace(
      [
        `7 1.000001 fdatasync(9</d/mesh.db-wal> <unfinished ...>`,
        `8 1.000002 sendto(22<socket:[1]>, "HTTP/1.1 202 Accepted\\r\\n", 23, 0, NULL, 0) = 23`,
        `7 1.000003 <... fdatasync resumed>) = 0`,
      ].join("\n"),
    );
    expect(
      calls.map(({ name, beganAt, returnedAt, result }) => ({ name, beganAt, returnedAt, result })),
    ).toEqual([
      { name: "fdatasync", beganAt: 0, returnedAt: 2, result: 0 },
      { name: "sendto", beganAt: 1, returnedAt: 1, result: 23 },
    ]);
  });

  test("tells a call that failed or never returned", () => {
    const calls = parseTrace(
      [
        `7 1.0 fsync(9</d/mesh.db-wal>) = -1 EIO (Input/output error) (INJECTED)`,
        `7 1.1 fsync(9</d/mesh.db-wal>) = ?`,
        `8 1.2 fsync(9</d/mesh.db-wal> <unfinished ...>`,
        `8 1.3 +++ killed by SIGKILL +++`,
      ].join("\n"),
    );
    expect(calls.map(({ result }) => result)).toEqual([-1, null, null]);
  });

  test("leaves signals, exits and calls without a descriptor out of account", () => {
    const text = `7 1.0 --- SIGTERM {si_signo=SIGTERM} ---\n7 1.1 +++ exited with 0 +++\n`;
    expect(parseTrace(text)).toEqual([]);
    expect(parseTrace(`7 1.0 write(1, "x", 1) = 1`)[0]).toMatchObject({ name: "write", target: "" });
  });
});

test("bytes are read back as strace escapes them", () => {
  const args = String.raw`"\0\0\0\20a\"\\\n\37731", 12, 0`;
  expect(shownBytes(args)).toEqual([0, 0, 0, 16, 97, 34, 92, 10, 255, 51, 49]);
});
