import { describe, expect, test } from "bun:test";
import { discoverOpenclaw } from "./discover.ts";

type Files = Readonly<Record<string, string>>;

/** What is found, with the token as text. */
const discover = async (files: Files, env: Readonly<Record<string, string>> = {}) => {
  const found = await discoverOpenclaw({
    env,
    homeDirectory: "/home/ada",
    readText: (path) => Promise.resolve(files[path] ?? null),
  });
  return { ...found, token: found.token?.reveal() ?? null };
};

const configPath = "/home/ada/.openclaw/openclaw.json";
const configured = (token: string): Files => ({
  [configPath]: `{ /* mine */ gateway: { port: 19000, auth: { mode: "token", token: ${token}, }, }, }`,
});

const variable = `'\${CLAW_TOKEN}'`;

describe("discoverOpenclaw", () => {
  test("reads address and token of a configuration with comments", async () => {
    expect(await discover(configured("'secret'"))).toEqual({
      url: "ws://127.0.0.1:19000",
      token: "secret",
      tokenProblem: null,
      configPath,
      hasConfig: true,
    });
  });

  test("falls back to the default port, and says that there is no token", async () => {
    const found = await discover({});
    expect(found).toMatchObject({ url: "ws://127.0.0.1:18789", token: null, hasConfig: false });
    expect(found.tokenProblem).toContain("--gateway-token");
  });

  test("fills variables of the environment and of the state directory's .env in", async () => {
    expect(await discover(configured(variable), { CLAW_TOKEN: "from env" })).toMatchObject({
      token: "from env",
    });
    const withDotEnv = {
      ...configured(variable),
      "/home/ada/.openclaw/.env": '# mine\nexport CLAW_TOKEN="from file"\n',
    };
    expect(await discover(withDotEnv)).toMatchObject({ token: "from file" });
    expect(await discover(configured(variable))).toMatchObject({ token: null });
  });

  test("reads a reference to the environment, and leaves other secret stores alone", async () => {
    const reference = (source: string) =>
      configured(`{ source: "${source}", provider: "default", id: "CLAW_TOKEN" }`);
    expect(await discover(reference("env"), { CLAW_TOKEN: "from env" })).toMatchObject({ token: "from env" });
    expect(await discover(reference("store"), { CLAW_TOKEN: "from env" })).toMatchObject({ token: null });
  });

  test("looks where a profile, or a path that begins with the home directory, says", async () => {
    const files = {
      "/home/ada/.openclaw-work/openclaw.json": "{gateway: {port: 20001}}",
      "/home/ada/state/openclaw.json": "{gateway: {port: 20002}}",
      [configPath]: "{gateway: {port: 20003}}",
    };
    const urlWith = async (env: Readonly<Record<string, string>>) => (await discover(files, env)).url;
    expect(await urlWith({ OPENCLAW_PROFILE: "work" })).toBe("ws://127.0.0.1:20001");
    expect(await urlWith({ OPENCLAW_STATE_DIR: "~/state", OPENCLAW_PROFILE: "work" })).toBe(
      "ws://127.0.0.1:20002",
    );
    expect(await urlWith({ OPENCLAW_PROFILE: "default" })).toBe("ws://127.0.0.1:20003");
  });

  test("takes OpenClaw's own variables", async () => {
    const files = { "/srv/state/openclaw.json": "{}", "/srv/other.json": "{gateway: {port: 20000}}" };
    expect(
      await discover(files, { OPENCLAW_STATE_DIR: "/srv/state", OPENCLAW_GATEWAY_TOKEN: "given" }),
    ).toMatchObject({ configPath: "/srv/state/openclaw.json", token: "given", hasConfig: true });
    expect(await discover(files, { OPENCLAW_CONFIG_PATH: "/srv/other.json" })).toMatchObject({
      url: "ws://127.0.0.1:20000",
    });
    expect(
      await discover(files, { OPENCLAW_CONFIG_PATH: "/srv/other.json", OPENCLAW_GATEWAY_PORT: "20001" }),
    ).toMatchObject({ url: "ws://127.0.0.1:20001" });
  });

  test.each(["{ this is not json", "[]", '{ gateway: "x" }', "{ gateway: { port: 99999999 } }"])(
    "takes a configuration that it cannot read for an empty one: %s",
    async (text) => {
      expect(await discover({ [configPath]: text })).toMatchObject({
        url: "ws://127.0.0.1:18789",
        token: null,
        hasConfig: true,
      });
    },
  );
});
