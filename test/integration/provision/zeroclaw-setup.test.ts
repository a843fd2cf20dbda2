import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { lstat, mkdir, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { MeshError } from "../../../src/protocol/errors.ts";
import { Secret } from "../../../src/protocol/secret.ts";
import {
  findGatewayProgram,
  planSetup,
  setUpRuntime,
  startGateway,
  stopGateway,
} from "../../../src/provision/index.ts";
import type { ProviderSettings } from "../../../src/provision/provider-settings.ts";
import { createZeroclawHome, providerKey, type ZeroclawHome } from "../../support/zeroclaw/home.ts";

describe("ZeroClaw is set up", () => {
  let zeroclaw: ZeroclawHome;
  beforeEach(async () => {
    zeroclaw = await createZeroclawHome();
  });
  afterEach(async () => {
    await stopGateway("zeroclaw", { ...zeroclaw.deps, stopLimitMs: 1_000 });
    await zeroclaw[Symbol.asyncDispose]();
  });

  const settings = (changes: Partial<ProviderSettings> = {}): ProviderSettings => ({
    provider: "custom",
    key: new Secret(providerKey),
    baseUrl: "http://127.0.0.1:9/v1",
    model: "fake-1",
    ...changes,
  });
  const read = () => readFile(zeroclaw.configPath, "utf8");
  const write = async (text: string) => {
    await mkdir(dirname(zeroclaw.configPath), { recursive: true });
    await writeFile(zeroclaw.configPath, text);
  };
  const backups = async () =>
    (await readdir(dirname(zeroclaw.configPath))).filter((file) => file.endsWith(".bak"));
  const refusal = async () => {
    const error = await setUpRuntime(zeroclaw.program, settings(), zeroclaw.deps).catch(
      (error: unknown) => error,
    );
    if (!(error instanceof MeshError)) throw error;
    return error;
  };

  test("in an empty home: an agent on loopback that wants pairing, in a file for its owner alone", async () => {
    await expect(findGatewayProgram(zeroclaw.program, zeroclaw.deps)).rejects.toThrow(
      "was never set up here",
    );
    expect(await planSetup("zeroclaw", settings(), zeroclaw.deps)).toEqual([
      { do: "write_config", path: zeroclaw.configPath, backup: null },
    ]);
    const gateway = await setUpRuntime(zeroclaw.program, settings(), zeroclaw.deps);
    expect((await stat(zeroclaw.configPath)).mode & 0o777).toBe(0o600);
    expect(Bun.TOML.parse(await read())).toMatchObject({
      schema_version: 3,
      providers: { models: { custom: { mesh: { uri: "http://127.0.0.1:9/v1", api_key: providerKey } } } },
      risk_profiles: { mesh: { level: "supervised", workspace_only: true } },
      agents: { default: { enabled: true, model_provider: "custom.mesh" } },
      gateway: { host: "127.0.0.1", require_pairing: true },
    });
    expect(await startGateway(gateway, zeroclaw.deps)).toMatchObject({ how: "started" });
    const health = await fetch(`http://${gateway.endpoint}/health`);
    expect(await health.json()).toMatchObject({ require_pairing: true, paired: false });
  });

  test.each([
    ["anthropic", "claude-opus-5"],
    ["openai", "gpt-5.4"],
  ] as const)("with the model that is the default of %s", async (provider, model) => {
    await setUpRuntime(zeroclaw.program, settings({ provider, baseUrl: null, model: null }), zeroclaw.deps);
    expect(Bun.TOML.parse(await read())).toMatchObject({
      providers: { models: { [provider]: { mesh: { model, api_key: providerKey } } } },
      agents: { default: { model_provider: `${provider}.mesh` } },
    });
  });

  test("in an existing file, by adding what it lacks behind all that it has", async () => {
    const mine = "# my own words\nschema_version = 3\n\n[gateway]\nport = 45678\nrequire_pairing = false\n";
    await write(mine);
    const gateway = await setUpRuntime(zeroclaw.program, settings(), zeroclaw.deps);
    const text = await read();
    expect(text.startsWith(mine)).toBe(true);
    expect(Bun.TOML.parse(text)).toMatchObject({
      gateway: { port: 45678, require_pairing: false },
      agents: { default: { enabled: true } },
    });
    const [backup] = await backups();
    expect(backup).toMatch(/^config\.toml\.claw-mesh-\d{8}T\d{6}Z\.bak$/);
    expect(gateway.command).toEqual([...zeroclaw.program.command, "gateway", "start"]);
    await setUpRuntime(zeroclaw.program, settings({ model: "another" }), zeroclaw.deps);
    expect(await read()).toBe(text);
    expect(await planSetup("zeroclaw", settings(), zeroclaw.deps)).toEqual([]);
  });

  test("in the place that a link names", async () => {
    const kept = `${zeroclaw.home}/dotfiles.toml`;
    await write("");
    await writeFile(kept, "schema_version = 3\n");
    await rm(zeroclaw.configPath);
    await symlink(kept, zeroclaw.configPath);
    await setUpRuntime(zeroclaw.program, settings(), zeroclaw.deps);
    expect((await lstat(zeroclaw.configPath)).isSymbolicLink()).toBe(true);
    expect(await readFile(kept, "utf8")).toContain("[agents.default]");
  });

  test("not at all when the file has its agent, or is of an older version with one", async () => {
    const agent =
      'schema_version = 3\n[providers.models.custom.x]\nmodel = "m"\n[agents.helper]\nmodel_provider = "custom.x"\n[gateway]\n';
    const old = 'default_provider = "custom:http://127.0.0.1:9/v1"\ndefault_model = "m"\n';
    for (const text of [agent, old]) {
      await write(text);
      await setUpRuntime(zeroclaw.program, settings(), zeroclaw.deps);
      expect(await read()).toBe(text);
    }
    expect(await backups()).toEqual([]);
  });

  test.each([
    ["no TOML", "schema_version = ", "it is no valid TOML"],
    [
      "of another version without a provider",
      "default_temperature = 0.7\n",
      "it is of another version of ZeroClaw",
    ],
    ["closed for more tables", "schema_version = 3\nproviders = {}\n", "cannot be put behind what it has"],
  ])("by no means when the file is %s, which is told with its remedy", async (_, text, reason) => {
    await write(text);
    const error = await refusal();
    expect(error).toMatchObject({ code: "RUNTIME_START_FAILED" });
    expect(error.message).toContain(`${zeroclaw.configPath} of ZeroClaw cannot be used: `);
    expect(error.message).toContain(reason);
    expect(error.hint).toContain("Mend the file");
    expect(await read()).toBe(text);
    expect(error.message).not.toContain(providerKey);
  });

  test.each(["a\u007fb", "a\ud800b", "a\nb"])("is refused a key that no key is: %j", async (text) => {
    const settingUp = setUpRuntime(zeroclaw.program, settings({ key: new Secret(text) }), zeroclaw.deps);
    await expect(settingUp).rejects.toMatchObject({ code: "USAGE" });
    expect(await Bun.file(zeroclaw.configPath).exists()).toBe(false);
  });

  test("is asked and reached where its file puts its gateway: behind TLS, below a path", async () => {
    const agent =
      '[providers.models.custom.own]\nuri = "http://127.0.0.1:9/v1"\n[agents.default]\nmodel_provider = "custom.own"\n';
    await write(
      `schema_version = 3\n${agent}[gateway]\npath_prefix = "/claw/"\n[gateway.tls]\nenabled = true\n`,
    );
    const { endpoint } = await findGatewayProgram(zeroclaw.program, zeroclaw.deps);
    expect(endpoint).toBe(`https://127.0.0.1:${zeroclaw.env.ZEROCLAW_gateway__port}/claw`);
  });
});
