import { describe, expect, test } from "bun:test";
import { join } from "node:path";

/**
 * A secret becomes text by `reveal` alone. These are all files that call it, and what for; whoever adds one writes it
 * down here. None of them starts a program, and none writes a log line with it.
 */
const reasons: Readonly<Record<string, string>> = {
  "src/cli/actions/join.ts":
    "tells an invite from a token; hands a flag to the configuration, which makes it a secret again",
  "src/cli/connection.ts": "hands a flag to the configuration, which makes it a secret again",
  "src/client/request-parts.ts": "the Authorization header",
  "src/config/initial-config.ts": "the file that init writes, 0600",
  "src/coordinator/auth/admin-token.ts": "the token file, 0600",
  "src/coordinator/auth/authenticator.ts": "its hash",
  "src/coordinator/auth/routes.ts": "the answer to a login, which shows the key of its page once",
  "src/coordinator/auth/sessions.ts": "the hash of that key",
  "src/coordinator/direct/direct-link.ts": "the Authorization header",
  "src/coordinator/direct/routes.ts": "the answer to the registration, which shows it once",
  "src/coordinator/direct/sealed-tokens.ts": "tells what is sealed from what is not",
  "src/coordinator/dispatch/node-greeting.ts": "the welcome, which shows it once",
  "src/coordinator/http/http-server.ts": "the key of the listener",
  "src/coordinator/nodes/node-admission.ts": "its hash",
  "src/lab/lab-mesh.ts": "the environment of the laboratory's own processes",
  "src/link/dial-socket.ts": "the Authorization header",
  "src/link/node-link.ts": "whether it is still the same one",
  "src/node/direct/coordinator-calls.ts": "the Authorization header",
  "src/node/direct/message-server.ts": "its hash",
  "src/node/identity.ts": "node.json, 0600",
  "src/node/index.ts": "the pin at the end of an invite",
  "src/node/node-record.ts": "whether it is still the same one",
  "src/platform/sealing.ts": "to seal it",
  "src/platform/services/service-token.ts": "the token file of a service, 0600",
  "src/protocol/redact-text.ts": "to find and hide it",
  "src/protocol/secret.ts": "to tell secrets apart",
  "src/provision/setup/dot-env.ts": "the .env of OpenClaw, 0600",
  "src/provision/setup/openclaw-config.ts": "the token of the gateway in openclaw.json, 0600",
  "src/provision/setup/zeroclaw-config.ts": "the key in config.toml, 0600",
  "src/runtimes/openai/models.ts": "the Authorization header",
  "src/runtimes/openclaw/connection.ts": "the handshake with the gateway",
  "src/runtimes/runtime-credentials.ts": "the file of a token that an adapter got, 0600",
  "src/runtimes/program-environment.ts": "the environment of a program that the operator has set up",
  "src/runtimes/zeroclaw/chat-socket.ts": "the Authorization header",
  "src/runtimes/zeroclaw/gateway-api.ts": "the Authorization header",
  "src/store/sqlite/statements/nodes.ts": "the row, in which it is sealed",
};

const root = join(import.meta.dir, "..", "..", "..");
const sources = [...new Bun.Glob("src/**/*.ts").scanSync({ cwd: root })].filter(
  (file) => !file.endsWith(".test.ts"),
);
const textOf = (file: string) => Bun.file(join(root, file)).text();

describe("a secret becomes text", () => {
  test("in the listed files only, and in each of those", async () => {
    const found: string[] = [];
    for (const file of sources) if ((await textOf(file)).includes(".reveal()")) found.push(file);
    expect(found.sort()).toEqual(Object.keys(reasons).sort());
  });

  test.each(Object.keys(reasons))("in %s, not on a line that logs or starts a program", async (file) => {
    const lines = (await textOf(file)).split("\n").filter((line) => line.includes(".reveal()"));
    expect(lines.filter((line) => /\blog\.|console|spawn|command:|args/i.test(line))).toEqual([]);
  });

  test("in no file that starts programs by itself", async () => {
    for (const file of sources) {
      const text = await textOf(file);
      if (/Bun\.spawn|node:child_process/.test(text))
        expect({ file, reveals: text.includes(".reveal()") }).toEqual({ file, reveals: false });
    }
  });
});
