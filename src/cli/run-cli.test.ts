import { afterAll, afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../platform/clock.ts";
import type { CliWorld } from "./context.ts";
import { runCli } from "./run-cli.ts";

type Handler = (request: Request) => Response | Promise<Response>;
const nothing: Handler = () =>
  Response.json({ error: "no such route", code: "ROUTE_NOT_FOUND" }, { status: 404 });
let handle: Handler = nothing;
const server = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: (request) => handle(request) });
const url = `http://127.0.0.1:${server.port}`;
afterAll(() => server.stop(true));

let dir = "";
beforeEach(async () => {
  handle = nothing;
  dir = await mkdtemp(join(tmpdir(), "claw-mesh-cli-"));
});
afterEach(() => rm(dir, { recursive: true }));

interface Run {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

interface WorldOptions {
  readonly env?: Record<string, string>;
  readonly stdin?: string;
  /** What is typed at a question. */
  readonly line?: string;
  readonly isTerminal?: boolean;
  readonly interrupt?: AbortSignal;
  readonly cwd?: string | null;
  readonly onOutput?: (text: string) => void;
}

async function run(args: readonly string[], options: WorldOptions = {}): Promise<Run> {
  let stdout = "";
  let stderr = "";
  const isTerminal = options.isTerminal === true;
  const output = (write: (text: string) => void) => ({
    write,
    writeAndWait: async (text: string) => write(text),
    isTerminal,
    columns: 200,
    hasColour: false,
  });
  const world: CliWorld = {
    env: { CLAW_MESH_COORDINATOR: url, ...options.env },
    stdin: {
      isTerminal: options.stdin === undefined,
      readText: async () => options.stdin ?? "",
      readLine: async () => options.line ?? null,
    },
    stdout: output((text) => {
      stdout += text;
      options.onOutput?.(text);
    }),
    stderr: output((text) => {
      stderr += text;
    }),
    fetch,
    clock: systemClock,
    createSecret: () => "0123456789abcdef0123456789abcdef",
    cwd: options.cwd === undefined ? dir : options.cwd,
    home: dir,
    programFile: "/opt/claw-mesh/bin/claw-mesh",
    hostName: "mac-mini.local",
    version: "1.2.3",
    interrupt: options.interrupt ?? new AbortController().signal,
  };
  return { exitCode: await runCli(args, world), stdout, stderr };
}

const hex = (digit: string) => digit.repeat(32);
const messageId = `task_${hex("a")}`;
const nodeId = `node_${hex("b")}`;

function nodeInfo(changes: object = {}) {
  return {
    id: nodeId,
    name: "mac-mini",
    endpoint: "link",
    capabilities: {
      os: "darwin",
      arch: "arm64",
      gpu: true,
      memory_gb: 16,
      tags: ["home"],
      skills: ["xcode"],
    },
    status: "online",
    last_heartbeat: "2026-11-22T10:00:00.000Z",
    transport: "link",
    ready: true,
    reason: null,
    scheduling: "active",
    slots: 4,
    in_flight: 1,
    load: null,
    runtimes: [],
    groups: [],
    breakers: [],
    weight: 1,
    latency_ms: null,
    version: "1.2.3",
    joined_at: "2026-11-22T10:00:00.000Z",
    since: "2026-11-22T10:00:00.000Z",
    ...changes,
  };
}

const answer = {
  message_id: messageId,
  node_id: nodeId,
  node_name: "mac-mini",
  response: "Hello\nthere",
  attempts: 1,
  duration_ms: 3,
};

const sse = (name: string, data: unknown) => `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`;
const chunk = (offset: number, text: string, attempt = 1) => sse("chunk", { attempt, offset, text });
const stream = (...events: readonly string[]) =>
  new Response(events.join(""), { headers: { "content-type": "text/event-stream" } });

describe("typing", () => {
  test("a wrong command is answered with the right one, on standard error, with exit code 2", async () => {
    const { exitCode, stdout, stderr } = await run(["stauts"]);
    expect([exitCode, stdout]).toEqual([2, ""]);
    expect(stderr).toStartWith('Error: there is no command "stauts"; did you mean `status`?\nHint: ');
  });

  test.each([
    [["send", "--requres", "x"], "--requires"],
    [["up", "--port", "high"], "is not a port"],
    [["join"], "<url> is missing"],
    [["nodes", "extra"], "one argument too many"],
    [["send", "hi"], "specify --node <name> or --auto"],
    [["send", "--auto", "--node", "x", "hi"], "choose one of"],
    [["send", "--auto", "--timeout", "soon", "hi"], "is not a time"],
    [["send", "--auto", "--effects", "some", "hi"], "is not one of safe, unsafe"],
    [["send", "--auto"], "there is no message"],
    [["send", "--auto", "--requires", "docker", "hi"], "skill=docker"],
    [["route", "add", "--match", "colour:red"], '"colour:red" is not a criterion'],
    [["route", "move", "1"], "--first, --last or --to"],
    [["route", "move", "1"], "See: claw-mesh route move --help"],
    [["route", "ad"], "See: claw-mesh route --help"],
    [["invite", "--ttl", "100d"], "30d at most"],
    [["status", "--coordinator"], "--coordinator needs a value"],
    [["status", "--coordinator", "ftp://x"], "is not an address"],
    [["up", "--local", "magic"], '"magic" is not one of'],
  ] as const)("%j is refused with a reason and exit code 2", async (args, reason) => {
    const { exitCode, stderr } = await run(args);
    expect(stderr).toContain(reason);
    expect(exitCode).toBe(2);
  });

  test("--json gives errors as JSON with stable fields", async () => {
    const { exitCode, stderr, stdout } = await run(["send", "--json", "hi"]);
    expect(JSON.parse(stderr)).toEqual({
      error: "specify --node <name> or --auto",
      code: "USAGE",
      hint: expect.any(String),
      request_id: null,
      exit_code: 2,
    });
    expect([exitCode, stdout]).toEqual([2, ""]);
  });

  test("help has examples and the flags of every command", async () => {
    for (const args of [
      ["send", "--help"],
      ["help", "send"],
    ]) {
      const { exitCode, stdout } = await run(args);
      expect(exitCode).toBe(0);
      expect(stdout).toContain("EXAMPLES");
      expect(stdout).toContain("--coordinator <url>");
    }
  });

  test("version is printed by the command and by the flag", async () => {
    expect((await run(["version"])).stdout).toBe("claw-mesh 1.2.3\n");
    expect((await run(["--version", "--no-color"])).stdout).toBe("claw-mesh 1.2.3\n");
    expect(JSON.parse((await run(["version", "--json"])).stdout)).toEqual({ version: "1.2.3" });
  });
});

describe("who is asked, and with which token", () => {
  const seenToken = async (args: readonly string[], env: Record<string, string> = {}) => {
    let token: string | null = null;
    handle = (request) => {
      token = request.headers.get("authorization");
      return Response.json([]);
    };
    await run(args, { env });
    return token as string | null;
  };

  test("global flags work before and behind the command", async () => {
    expect(await seenToken(["--token", "one", "status"])).toBe("Bearer one");
    expect(await seenToken(["status", "--token=two"])).toBe("Bearer two");
  });

  test("the token is taken from flag, variable, configuration, then the data directory", async () => {
    expect(await seenToken(["status"])).toBeNull();
    await mkdir(join(dir, ".claw-mesh"));
    await writeFile(join(dir, ".claw-mesh", "token"), "from-data-dir\n");
    expect(await seenToken(["status"])).toBe("Bearer from-data-dir");
    await writeFile(join(dir, "claw-mesh.yaml"), "coordinator: { token: from-file }\n");
    expect(await seenToken(["status"])).toBe("Bearer from-file");
    expect(await seenToken(["status"], { CLAW_MESH_TOKEN: "from-env" })).toBe("Bearer from-env");
    expect(await seenToken(["status", "--token", "from-flag"], { CLAW_MESH_TOKEN: "x" })).toBe(
      "Bearer from-flag",
    );
  });

  test("without any address the port of the configuration counts", async () => {
    handle = () => Response.json([]);
    await writeFile(join(dir, "claw-mesh.yaml"), `coordinator: { port: ${server.port} }\n`);
    const { stdout } = await run(["status"], { env: { CLAW_MESH_COORDINATOR: "" } });
    expect(stdout).toContain(`Mesh: ${url}\n`);
  });

  test.each([
    ["TOKEN_INVALID", 401, 4],
    ["NODE_NOT_FOUND", 404, 5],
    ["NO_NODE_FITS", 503, 6],
    ["RUNTIME_FAILED", 502, 1],
  ] as const)("%s ends with its exit code", async (code, status, exitCode) => {
    handle = () => Response.json({ error: "why", code, hint: "what to do", request_id: "r" }, { status });
    const result = await run(["status"]);
    expect(result.exitCode).toBe(exitCode);
    expect(result.stderr).toBe("Error: why\nHint: what to do\n");
  });

  test("nobody there is exit code 3", async () => {
    const result = await run(["status", "--coordinator", "http://127.0.0.1:1"]);
    expect(result.exitCode).toBe(3);
    expect(result.stderr).toContain("cannot reach the coordinator at http://127.0.0.1:1");
  });

  test("a broken configuration is exit code 2 and names the place", async () => {
    await writeFile(join(dir, "claw-mesh.yaml"), "coordinator:\n  prot: 1\n");
    const result = await run(["status"]);
    expect(result.exitCode).toBe(2);
    expect(result.stderr).toContain(
      'claw-mesh.yaml:2:3: unknown key "coordinator.prot"; did you mean "port"?',
    );
  });
});

describe("lists", () => {
  test("status and nodes keep the wording of the classic tool", async () => {
    handle = () => Response.json([]);
    expect((await run(["nodes"])).stdout).toBe("No nodes registered.\n");
    expect((await run(["route", "list"])).stdout).toBe("No routing rules configured.\n");
    const nodes = [
      nodeInfo(),
      nodeInfo({ name: "b", status: "busy" }),
      nodeInfo({ name: "c", status: "offline" }),
    ];
    handle = () => Response.json(nodes);
    const { stdout } = await run(["status"]);
    expect(stdout).toStartWith(`Mesh: ${url}\nNodes: 3 total (1 online, 1 busy, 1 offline)\n`);
    for (const header of ["ID", "NAME", "STATUS", "ENDPOINT", "OS/ARCH", "GPU", "SKILLS"]) {
      expect(stdout).toMatch(new RegExp(`(?:^|\\s)${header}(?:\\s|$)`, "m"));
    }
  });

  test("--json is what the API said", async () => {
    handle = () => Response.json([nodeInfo()]);
    expect(JSON.parse((await run(["nodes", "--json"])).stdout)).toEqual([nodeInfo()]);
    expect(JSON.parse((await run(["--json", "status"])).stdout)).toMatchObject({
      mesh: url,
      counts: { total: 1, online: 1 },
    });
  });

  test("a node that is not ready says why, and cannot steer the terminal", async () => {
    handle = () => Response.json([nodeInfo({ ready: false, reason: "gateway \u001b[31mdown\nevil" })]);
    const { stdout } = await run(["nodes"]);
    expect(stdout).toContain("mac-mini is not ready: gateway down evil\n");
    expect(stdout).not.toContain("\u001b");
  });

  test("a rule is added as it was typed", async () => {
    let body: unknown;
    handle = async (request) => {
      body = await request.json();
      return Response.json({ ...(body as object), id: `rule_${hex("c")}`, origin: "api" }, { status: 201 });
    };
    const { stdout } = await run([
      "route",
      "add",
      "--match",
      "gpu:true",
      "--target",
      "a,b",
      "--strategy",
      "fastest",
    ]);
    expect(stdout).toBe(`Rule added: rule_${hex("c")}\n`);
    expect(body).toEqual({ match: { requires_gpu: true }, targets: ["a", "b"], strategy: "fastest" });
  });
});

test("what looks wrong about a rule is told beside the result", async () => {
  const rule = { id: `rule_${hex("c")}`, origin: "api", match: { wildcard: true } };
  handle = () => Response.json({ ...rule, warnings: ["nobody\u001b[31m is there"] }, { status: 201 });
  const { exitCode, stdout, stderr } = await run(["route", "add", "--match", "*"]);
  expect({ exitCode, stdout, stderr }).toEqual({
    exitCode: 0,
    stdout: `Rule added: ${rule.id}\n`,
    stderr: "Warning: nobody is there\n",
  });
});

describe("a runtime", () => {
  test.each([
    { command: "join", args: ["join", "http://127.0.0.1:1", "--runtime"] },
    { command: "up", args: ["up", "--local"] },
  ])("that has no adapter yet is named as such by $command", async ({ args }) => {
    const later = await run([...args, "zeroclaw"]);
    expect(later.exitCode).toBe(1);
    expect(later.stderr).toContain("not in this version");
    const unknown = await run([...args, "zeroclam"]);
    expect(unknown.exitCode).toBe(2);
    expect(unknown.stderr).toContain("openclaw, openai, echo, auto");
  });
});

test("a current directory that was deleted is said in one line", async () => {
  const { exitCode, stderr } = await run(["status"], { cwd: null });
  expect(exitCode).toBe(2);
  expect(stderr).toStartWith("Error: the current directory is not there any more\n");
});

describe("init", () => {
  test("writes a file for its owner alone, and overwrites only with --force", async () => {
    const first = await run(["init"]);
    expect([first.exitCode, first.stdout]).toEqual([0, "Config written to claw-mesh.yaml\n"]);
    const path = join(dir, "claw-mesh.yaml");
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(await readFile(path, "utf8")).toContain('token: "0123456789abcdef0123456789abcdef"');
    expect(await readFile(path, "utf8")).toContain('name: "mac-mini"');
    const second = await run(["init"]);
    expect(second.exitCode).toBe(1);
    expect(second.stderr).toStartWith("Error: claw-mesh.yaml already exists (use --force to overwrite)\n");
    expect((await run(["init", "--force"])).exitCode).toBe(0);
  });
});

describe("send", () => {
  test("without a terminal prints the two lines of the classic tool", async () => {
    handle = () => stream(chunk(0, "Hello"), sse("result", answer));
    const { exitCode, stdout } = await run(["send", "--auto", "hi"]);
    expect(exitCode).toBe(0);
    expect(stdout).toBe(`Message ${messageId} routed to node ${nodeId}\nResponse: Hello\nthere\n`);
  });

  test("sends what the flags say, with a key, and takes the message from standard input", async () => {
    let seen: unknown;
    handle = async (request) => {
      seen = [new URL(request.url).pathname, request.headers.get("idempotency-key"), await request.json()];
      return Response.json(answer);
    };
    const flags = [
      "--node",
      "mac",
      "--requires",
      "gpu,skill=docker",
      "--session",
      "s",
      "--label",
      "a=b",
      "--label",
      "c=d",
    ];
    const { exitCode } = await run(["send", ...flags, "--timeout", "2m", "--effects", "safe", "--no-infer"], {
      stdin: "from input\n",
    });
    expect(exitCode).toBe(0);
    expect(seen).toEqual([
      "/api/v1/route/mac",
      "0123456789abcdef0123456789abcdef",
      {
        content: "from input",
        source: "cli",
        session: "s",
        requires: { gpu: true, skills: ["docker"] },
        labels: { a: "b", c: "d" },
        timeout_s: 120,
        effects: "safe",
        infer: false,
      },
    ]);
  });

  test("--json prints the answer with its fields", async () => {
    handle = () => stream(chunk(0, "Hello"), sse("result", answer));
    expect(JSON.parse((await run(["send", "--auto", "--json", "hi"])).stdout)).toEqual(answer);
  });

  test("shows the text on a terminal as it comes", async () => {
    const seen: string[] = [];
    const shown = Promise.withResolvers<void>();
    handle = () =>
      new Response(
        new ReadableStream({
          start: async (controller) => {
            const encoder = new TextEncoder();
            controller.enqueue(encoder.encode(chunk(0, "Hel")));
            await shown.promise;
            controller.enqueue(encoder.encode(chunk(3, "lo\nthere") + sse("result", answer)));
            controller.close();
          },
        }),
        { headers: { "content-type": "text/event-stream" } },
      );
    const { stdout } = await run(["send", "--auto", "hi"], {
      isTerminal: true,
      onOutput: (text) => {
        seen.push(text);
        if (text.includes("Hel")) shown.resolve();
      },
    });
    expect(stdout).toContain("Response: Hello\nthere");
    expect(seen.some((text) => text === "Hel")).toBe(true);
    expect(stdout).toContain(`Message ${messageId} routed to node ${nodeId}\n`);
  });

  test("picks a message up again by its key when the connection is lost", async () => {
    const keys: (string | null)[] = [];
    handle = (request) => {
      keys.push(request.headers.get("idempotency-key"));
      return keys.length === 1 ? stream(chunk(0, "Hel")) : stream(sse("result", answer));
    };
    const { exitCode, stdout } = await run(["send", "--auto", "hi"]);
    expect([exitCode, keys.length, new Set(keys).size]).toEqual([0, 2, 1]);
    expect(stdout).toContain("Response: Hello");
  });

  test("does not try again when the first connection fails", async () => {
    const result = await run(["send", "--auto", "hi", "--coordinator", "http://127.0.0.1:1"]);
    expect(result.exitCode).toBe(3);
  });

  test("Ctrl-C cancels the message and waits for its end", async () => {
    const interrupt = new AbortController();
    const cancelled = Promise.withResolvers<void>();
    const paths: string[] = [];
    handle = (request) => {
      const path = new URL(request.url).pathname;
      paths.push(path);
      if (path.endsWith("/cancel")) {
        cancelled.resolve();
        return Response.json({ error: "already over", code: "TASK_NOT_FOUND" }, { status: 404 });
      }
      return new Response(
        new ReadableStream({
          start: async (controller) => {
            controller.enqueue(
              new TextEncoder().encode(sse("decision", { message_id: messageId, attempt: 1, decision })),
            );
            interrupt.abort(new DOMException("SIGINT", "AbortError"));
            await cancelled.promise;
          },
        }),
        { headers: { "content-type": "text/event-stream" } },
      );
    };
    const { exitCode } = await run(["send", "--auto", "hi"], { interrupt: interrupt.signal });
    expect(paths).toContain(`/api/v1/tasks/${messageId}/cancel`);
    expect(exitCode).not.toBe(0);
  });

  test("an answer cannot steer the terminal", async () => {
    handle = () => Response.json({ ...answer, response: "a\u001b]0;title\u0007b\u001b[2J" });
    expect((await run(["send", "--auto", "hi"])).stdout).toEndWith("Response: ab\n");
  });

  test("a message on no node shows why", async () => {
    handle = () =>
      Response.json(
        { error: "no online nodes available", code: "NO_NODE_FITS", details: { decision } },
        { status: 503 },
      );
    const { exitCode, stderr } = await run(["send", "--auto", "hi"]);
    expect(exitCode).toBe(6);
    expect(stderr).toContain("No node fits");
    expect(stderr).toContain("linux-box: offline");
  });
});

const decision = {
  decided_at: "2026-11-22T10:00:00.000Z",
  outcome: "unroutable",
  rule: null,
  passed_over: [],
  strategy: "least-busy",
  target: null,
  session: null,
  declared: {},
  inferred: [{ need: "gpu", because: "train a model" }],
  candidate_count: 0,
  ranking: [],
  refused: { counts: { offline: 1 }, named: [{ node_id: nodeId, name: "linux-box", reason: "offline" }] },
  unblock: [{ needs: "gpu", nodes: [] }],
};

describe("doctor", () => {
  test("tells each check, and ends with 1 when one failed", async () => {
    handle = (request) => {
      const path = new URL(request.url).pathname;
      if (path === "/healthz")
        return Response.json({ status: "ok", mesh_id: `mesh_${hex("d")}`, version: "9.9.9" });
      return Response.json(
        { error: "no", code: "TOKEN_MISSING", hint: "h", request_id: "r" },
        { status: 401 },
      );
    };
    const { exitCode, stdout } = await run(["doctor", "--json"]);
    expect(exitCode).toBe(1);
    const { ok, checks } = JSON.parse(stdout) as { ok: boolean; checks: { check: string; status: string }[] };
    expect(ok).toBe(false);
    expect(Object.fromEntries(checks.map(({ check, status }) => [check, status]))).toMatchObject({
      version: "ok",
      configuration: "ok",
      proxy: "ok",
      coordinator: "ok",
      token: "failed",
      coordinator_version: "warning",
      runtime: "skipped",
    });
  });

  test("is content with a healthy mesh", async () => {
    handle = (request) =>
      new URL(request.url).pathname === "/healthz"
        ? Response.json({ status: "ok", mesh_id: `mesh_${hex("d")}`, version: "1.2.3" })
        : Response.json([nodeInfo()]);
    const { exitCode, stdout } = await run(["doctor"]);
    expect(exitCode).toBe(0);
    expect(stdout).not.toContain("failed");
    expect(stdout).toContain("1 node ready");
  });

  test("warns of a node that only echoes beside others, and says when there are only such", async () => {
    const echo = { kind: "echo", version: null, ready: true, reason: null, active: 0, queued: 0 };
    const doctorOf = async (...nodes: readonly object[]) => {
      handle = (request) =>
        new URL(request.url).pathname === "/healthz"
          ? Response.json({ status: "ok", mesh_id: `mesh_${hex("d")}`, version: "1.2.3" })
          : Response.json(nodes);
      return (await run(["doctor"])).stdout;
    };
    const echoing = nodeInfo({ name: "vps", runtimes: [echo] });
    const thinking = nodeInfo({ runtimes: [{ ...echo, kind: "openclaw" }] });
    expect(await doctorOf(echoing, thinking)).toContain("claw-mesh node cordon vps");
    expect(await doctorOf({ ...echoing, scheduling: "cordoned" }, thinking)).not.toContain("echo");
    expect(await doctorOf(echoing)).toContain("no AI will answer");
    expect(await doctorOf(thinking)).not.toContain("echo");
  });

  test("does not send who reaches nothing back to itself", async () => {
    const { stdout } = await run(["doctor", "--coordinator", "http://127.0.0.1:1"]);
    expect(stdout).toContain("claw-mesh up");
    expect(stdout).not.toContain("claw-mesh doctor");
  });
});
