import { describe, expect, test } from "bun:test";
import { Secret } from "../../protocol/secret.ts";
import type { ProviderSettings } from "../provider-settings.ts";
import { planOpenclawConfig } from "./openclaw-config.ts";

const token = new Secret("a-token-of-the-gateway");
const anthropic: ProviderSettings = {
  provider: "anthropic",
  key: new Secret("sk-ant-0123456789"),
  baseUrl: null,
  model: null,
};
const custom: ProviderSettings = {
  provider: "custom",
  key: null,
  baseUrl: "http://127.0.0.1:11434/v1",
  model: "llama",
};
const wishes = { port: 18_789, token, provider: anthropic };
/** How a configuration names one. */
const variable = (name: string) => `\${${name}}`;

describe("a new configuration of OpenClaw", () => {
  test("has a gateway on loopback with a token, and a worker that does nothing by itself", () => {
    expect(planOpenclawConfig({}, wishes)).toEqual({
      patch: {
        gateway: {
          mode: "local",
          port: 18_789,
          bind: "loopback",
          auth: { mode: "token", token: "a-token-of-the-gateway" },
        },
        agents: {
          defaults: {
            skipBootstrap: true,
            heartbeat: { every: "0m" },
            model: { primary: "anthropic/claude-opus-5" },
          },
        },
      },
      keyVariable: "ANTHROPIC_API_KEY",
    });
  });

  test("describes OpenAI itself, so that no plugin is fetched, and names the variable of the key", () => {
    const openai: ProviderSettings = { ...anthropic, provider: "openai", model: "openai/gpt-x" };
    const { patch, keyVariable } = planOpenclawConfig({}, { ...wishes, provider: openai });
    expect(keyVariable).toBe("OPENAI_API_KEY");
    expect(patch).toMatchObject({
      models: {
        providers: {
          openai: {
            baseUrl: "https://api.openai.com/v1",
            apiKey: variable("OPENAI_API_KEY"),
            api: "openai-completions",
            models: [{ id: "gpt-x", name: "gpt-x" }],
          },
        },
      },
      agents: { defaults: { model: { primary: "openai/gpt-x" } } },
    });
  });

  test("takes a server of one's own, without a key", () => {
    const { patch, keyVariable } = planOpenclawConfig({}, { ...wishes, provider: custom });
    expect(keyVariable).toBeNull();
    expect(patch).toMatchObject({
      models: { providers: { mesh: { baseUrl: "http://127.0.0.1:11434/v1", apiKey: "none" } } },
    });
  });

  test("takes another address of Anthropic", () => {
    const provider = { ...anthropic, baseUrl: "http://127.0.0.1:9" };
    expect(planOpenclawConfig({}, { ...wishes, provider }).patch).toMatchObject({
      models: {
        providers: { anthropic: { api: "anthropic-messages", apiKey: variable("ANTHROPIC_API_KEY") } },
      },
    });
  });

  test("never holds the key", () => {
    for (const provider of ["anthropic", "openai", "custom"] as const) {
      const settings = { ...anthropic, provider, baseUrl: "http://127.0.0.1:9/v1", model: "m" };
      expect(JSON.stringify(planOpenclawConfig({}, { ...wishes, provider: settings }))).not.toContain(
        "sk-ant",
      );
    }
  });
});

describe("an existing configuration of OpenClaw", () => {
  const whole = {
    gateway: { mode: "local", bind: "lan", auth: { token: "mine" } },
    agents: { defaults: { model: "openai/gpt-mine" } },
  };

  test("that has it all stays as it is", () => {
    expect(planOpenclawConfig(whole, { ...wishes, port: null })).toEqual({ patch: null, keyVariable: null });
  });

  test.each([
    [
      "gateway.mode",
      { ...whole, gateway: { bind: "lan", auth: { token: "mine" } } },
      { gateway: { mode: "local" } },
    ],
    [
      "gateway.bind",
      { ...whole, gateway: { mode: "local", auth: { mode: "none" } } },
      { gateway: { bind: "loopback" } },
    ],
    [
      "a token",
      { ...whole, gateway: { mode: "local", bind: "lan" } },
      { gateway: { auth: { mode: "token", token: "a-token-of-the-gateway" } } },
    ],
    [
      "the token that its mode asks for",
      { ...whole, gateway: { mode: "local", bind: "lan", auth: { mode: "token" } } },
      { gateway: { auth: { mode: "token", token: "a-token-of-the-gateway" } } },
    ],
    [
      "a model",
      { gateway: whole.gateway },
      { agents: { defaults: { model: { primary: "anthropic/claude-opus-5" } } } },
    ],
  ])("gets %s when that is all it lacks", (_, existing, patch) => {
    expect(planOpenclawConfig(existing, { ...wishes, port: null }).patch).toEqual(patch);
  });

  test("keeps a provider that it describes, and only gets the model", () => {
    const existing = { ...whole, agents: {}, models: { providers: { mesh: { baseUrl: "http://mine/v1" } } } };
    expect(planOpenclawConfig(existing, { ...wishes, port: null, provider: custom }).patch).toEqual({
      agents: { defaults: { model: { primary: "mesh/llama" } } },
    });
  });

  test("may get the key that its provider lacks", () => {
    const existing = { ...whole, agents: { defaults: { model: { primary: "anthropic/claude-mine" } } } };
    expect(planOpenclawConfig(existing, { ...wishes, port: null })).toEqual({
      patch: null,
      keyVariable: "ANTHROPIC_API_KEY",
    });
  });

  test("whose parts are included from elsewhere counts as complete there", () => {
    const existing = { gateway: { $include: "./gateway.json5" }, agents: whole.agents };
    expect(planOpenclawConfig(existing, { ...wishes, port: null }).patch).toBeNull();
  });
});
