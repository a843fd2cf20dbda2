import { expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { isToolReady } from "../../fault/test-tool.ts";
import { createTestMesh, e2eTimeoutMs } from "../../support/mesh-process.ts";
import { foreignAddresses } from "./traced-addresses.ts";

setDefaultTimeout(e2eTimeoutMs);

const isReady = isToolReady("strace in a network of its own", [
  ...["unshare", "--net", "sh", "-c", "ip link set lo up && strace -o /dev/null true"],
]);

const calls = "trace=connect,sendto,sendmsg,sendmmsg";
const trace = (file: string) => ["strace", "-D", "-f", "-q", "-e", calls, "-o", file];

test.if(isReady)(
  "the product starts, joins and sends in a network without a way out, and never tries to leave",
  async () => {
    await using mesh = await createTestMesh();
    const machine = await mesh.createMachine("alone");
    const traceOf = (name: string) => join(machine.home, `${name}.trace`);
    const coordinator = await mesh.startCoordinator({
      machine,
      args: ["--local", "auto,echo"],
      wrapper: [
        "unshare",
        "--net",
        "sh",
        "-c",
        'ip link set lo up && exec "$@"',
        "sh",
        ...trace(traceOf("up")),
      ],
    });
    const inside = ["nsenter", `--net=/proc/${coordinator.program().pid}/ns/net`];
    const run = (name: string, args: readonly string[]) =>
      machine.start(args, { wrapper: [...inside, ...trace(traceOf(name))] });

    const join1 = run("join", [
      ...["join", coordinator.url, "--name", "second", "--token", coordinator.token, "--no-gateway"],
    ]);
    await join1.waitForLine(/registered as node node_/);
    for (const [name, args] of Object.entries({
      send: ["send", "--node", "second", "hello"],
      nodes: ["nodes"],
      doctor: ["doctor"],
      version: ["version"],
    })) {
      const command = run(name, [...args, ...(name === "version" ? [] : ["--coordinator", coordinator.url])]);
      const { code } = await command.exited;
      if (name !== "doctor")
        expect({ name, code, stderr: command.stderr() }).toMatchObject({ name, code: 0 });
    }
    await join1.stop();
    await coordinator.kill("SIGTERM");

    for (const name of ["up", "join", "send", "nodes", "doctor", "version"]) {
      const text = await Bun.file(traceOf(name)).text();
      expect({ name, foreign: foreignAddresses(text) }).toEqual({ name, foreign: [] });
    }
    expect(await Bun.file(traceOf("join")).text()).toContain('inet_addr("127.0.0.1")');
  },
);

test("an address outside of this machine is seen in a trace", () => {
  const lines = [
    '7 connect(9, {sa_family=AF_INET, sin_port=htons(53), sin_addr=inet_addr("10.0.0.2")}, 16) = 0',
    '7 connect(9, {sa_family=AF_INET, sin_port=htons(80), sin_addr=inet_addr("127.0.0.1")}, 16) = 0',
    '7 sendto(9, "x", 1, 0, {sa_family=AF_INET6, sin6_port=htons(443), sin6_flowinfo=htonl(0), inet_pton(AF_INET6, "2001:db8::1", &sin6_addr), sin6_scope_id=0}, 28) = 1',
    '7 connect(9, {sa_family=AF_INET6, sin6_port=htons(443), inet_pton(AF_INET6, "::1", &sin6_addr)}, 28) = 0',
    '7 connect(9, {sa_family=AF_UNIX, sun_path="/run/x"}, 110) = -1 ENOENT',
  ];
  expect(foreignAddresses(lines.join("\n"))).toEqual(["10.0.0.2:53", "2001:db8::1:443"]);
});
