import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { parseJson5Text } from "../../platform/json5-text.ts";
import { findMissingKeys, insertKeys, withKeys } from "./fill-config.ts";
import { addedHeading, mergeMarkdown } from "./merge-markdown.ts";
import { parseSeedPath, seedPathKey } from "./seed-path.ts";
import { type JsonObject, shareableKeys, toAcceptableConfig, toShareableConfig } from "./shareable-config.ts";

describe("a configuration for other machines", () => {
  const config = {
    gateway: { port: 18789, auth: { token: "abcdefghij" } },
    meta: { lastTouchedVersion: "1" },
    channels: { telegram: { botToken: "123:abc" } },
    bindings: [{ agentId: "a" }],
    models: {
      providers: {
        openai: {
          baseUrl: "https://api.example.com/v1",
          apiKey: "sk-1234567890",
          headers: { "x-org": "o" },
          models: [{ id: "gpt", maxTokens: 8192, contextTokens: 1000 }],
        },
        ollama: { baseUrl: "http://127.0.0.1:11434/v1", models: [{ id: "llama" }] },
        own: { baseUrl: "https://api.example.com/v1", apiKey: ["$", "{OPENAI_API_KEY}"].join("") },
      },
    },
    agents: {
      defaults: { workspace: "~/w", model: { primary: "openai/gpt", fallbacks: ["a/b"] }, cwd: "x" },
      entries: { main: { agentDir: "/home/a", identity: { name: "Claw" } } },
    },
    mcp: {
      servers: {
        web: { url: "https://mcp.example.com/mcp", headers: { Authorization: "Bearer abcdef" } },
        local: { url: "http://localhost:3000/mcp" },
        program: { command: "npx", args: ["-y", "thing", "--key=sk-abcdefgh"], env: { KEY: "x" } },
      },
    },
    skills: {
      load: { extraDirs: ["/opt/skills", "~/more"] },
      entries: { a: { apiKey: "k", enabled: false } },
    },
    tools: { exec: { security: "full" }, web: { search: { apiKey: "k", provider: "brave" } } },
  };

  test("has no secrets, no places of one machine, and no parts that are not listed", () => {
    expect(toShareableConfig(config)).toEqual({
      models: {
        providers: {
          openai: {
            baseUrl: "https://api.example.com/v1",
            models: [{ id: "gpt", maxTokens: 8192, contextTokens: 1000 }],
          },
          own: { baseUrl: "https://api.example.com/v1" },
        },
      },
      agents: {
        defaults: { model: { primary: "openai/gpt", fallbacks: ["a/b"] } },
        entries: { main: { identity: { name: "Claw" } } },
      },
      mcp: {
        servers: {
          web: { url: "https://mcp.example.com/mcp" },
          program: { command: "npx", args: ["-y", "thing"] },
        },
      },
      skills: { entries: { a: { enabled: false } } },
      tools: { exec: { security: "full" }, web: { search: { provider: "brave" } } },
    });
  });

  test("brings no program to start, and loosens nothing, where it is taken over", () => {
    const taken = toAcceptableConfig(
      toShareableConfig({ ...config, security: { a: 1 }, approvals: { b: 1 } }),
    );
    expect(taken).toEqual({
      agents: expect.anything(),
      models: { providers: { own: { baseUrl: "https://api.example.com/v1" } } },
      mcp: { servers: { web: { url: "https://mcp.example.com/mcp" } } },
      skills: { entries: { a: { enabled: false } } },
    });
  });

  test("never says where a key of the machine that takes it over is sent", () => {
    const evil = "https://evil.example.com/v1";
    const providers = {
      openai: { baseUrl: evil },
      "anthropic-x": { baseUrl: evil },
      mine: { baseUrl: evil },
    };
    const given = {
      models: { providers },
      memory: { search: { remote: { baseUrl: evil } } },
      tts: { openai: { baseUrl: evil, voice: "a" } },
      agents: { defaults: { proxy: evil, execPolicy: "x", elevatedDefault: "on", sandbox: { mode: "off" } } },
    };
    expect(toAcceptableConfig(given, (id) => id === "mine")).toEqual({ tts: { openai: { voice: "a" } } });
    const own = { models: { providers: { mine: { apiKey: "k" } } }, mcp: { servers: { a: {} } } };
    expect(findMissingKeys(own, toAcceptableConfig(given))).toEqual([
      { path: [], key: "tts", value: { openai: { voice: "a" } } },
    ]);
    expect(findMissingKeys(own, { mcp: { servers: { a: { url: evil } } } })).toEqual([]);
  });

  test("that is hostile does no harm", () => {
    const hostile = JSON.parse(
      '{"__proto__": {"a": 1}, "ui": {"__proto__": {"b": 1}, "constructor": {"c": 1}, "$include": "/etc/x", "x": 1}}',
    );
    let deep: unknown = 1;
    for (let at = 0; at < 60; at++) deep = { a: deep };
    expect(toAcceptableConfig(hostile)).toEqual({ ui: { x: 1 } });
    expect(JSON.stringify(toAcceptableConfig({ ui: deep })).length).toBeLessThan(200);
    expect(toAcceptableConfig([1])).toEqual({});
    expect(
      JSON.stringify(toAcceptableConfig({ ui: { list: Array(100_000).fill("x") } })).length,
    ).toBeLessThan(100_000);
  });

  const secrets = [
    "sk-live-0123456789",
    "ghp_0123456789abcdef",
    "Bearer abcdefgh",
    "a3f1".repeat(8),
    "/home/me/x",
    "~/x",
  ];
  const key = fc.oneof(
    fc.constantFrom(
      ...shareableKeys,
      "gateway",
      "env",
      "apiKey",
      "token",
      "botToken",
      "headers",
      "list",
      "password",
    ),
    fc.string({ maxLength: 12 }),
  );
  const anyConfig = fc.letrec((tie) => ({
    value: fc.oneof(
      { depthSize: "small" },
      fc.constantFrom(...secrets),
      fc.string(),
      fc.integer(),
      fc.boolean(),
      fc.array(tie("value"), { maxLength: 4 }),
      tie("object"),
    ),
    object: fc.dictionary(key, tie("value"), { maxKeys: 6 }),
  })).object;

  test("never holds a secret by its shape or its name, nor a path, whatever it is made of", () => {
    fc.assert(
      fc.property(anyConfig, (made) => {
        for (const clean of [toShareableConfig(made), toAcceptableConfig(made)]) {
          const text = JSON.stringify(clean);
          for (const secret of secrets) expect(text).not.toContain(JSON.stringify(secret).slice(1, -1));
          expect(text).not.toMatch(/"(?:apiKey|botToken|password|headers|env)":["{[]/);
          expect(Object.keys(clean).filter((name) => !shareableKeys.includes(name))).toEqual([]);
        }
      }),
    );
  });

  test("is left as it is by a second look", () => {
    fc.assert(
      fc.property(anyConfig, (made) => {
        const once = toShareableConfig(made);
        expect(toShareableConfig(once)).toEqual(once);
      }),
    );
  });
});

describe("the path of a seed's file", () => {
  test.each(["SOUL.md", "IDENTITY.md", "AGENTS.md", "MEMORY.md", "memory/2026-11-02.md", "memory/项目 1.md"])(
    "%s is fine",
    (path) => expect(parseSeedPath(path)).not.toBeNull(),
  );

  test.each([
    "../SOUL.md",
    "/SOUL.md",
    "./SOUL.md",
    "soul.md",
    "SOUL.md/",
    "SOUL.md\0",
    "BOOTSTRAP.md",
    "TOOLS.md",
    "skills/x/SKILL.md",
    "memory",
    "memory/",
    "memory/../SOUL.md",
    "memory/..",
    "memory/.md",
    "memory/.hidden.md",
    "memory/a/b.md",
    "memory/a\\..\\b.md",
    "memory//a.md",
    "Memory/a.md",
    "memory/a.txt",
    "memory/a.md ",
    "memory/a.md.",
    "memory/con.md",
    "memory/COM1.md",
    "memory/NUL.x.md",
    "memory/a:b.md",
    "memory/a\u0000.md",
    "memory/a\n.md",
    "memory/\u202ea.md",
    "memory/e\u0301.md",
    "C:\\SOUL.md",
    "\\\\host\\SOUL.md",
    "file:///SOUL.md",
    `memory/${"a".repeat(200)}.md`,
    "",
  ])("%j is refused", (path) => expect(parseSeedPath(path)).toBeNull());

  test("never leaves the workspace, whatever it is", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), fc.constantFrom("", "memory/"), (text, start) => {
        const parsed = parseSeedPath(start + text);
        if (parsed !== null) expect(/[/\\\0]|\.\./.test(parsed.name)).toBeFalse();
      }),
    );
  });

  test("is the same as another that only differs in case", () => {
    expect(seedPathKey("memory/A.md")).toBe(seedPathKey("memory/a.md"));
  });
});

describe("a merged text", () => {
  test("keeps what was there and gets what is new, under its heading", () => {
    const own = "# Soul\n\nI am mac.\n\n## Rules\n\n- be kind\n";
    const other = "# Soul\n\nI am the vps.\n\n## Rules\n\n- be kind\n\n## Tools\n\nUse ssh.\n";
    const merged = mergeMarkdown(own, other) ?? "";
    expect(merged.startsWith(own)).toBeTrue();
    expect(merged.slice(own.length)).toContain(`${addedHeading}\n`);
    expect(merged.slice(own.length)).toEndWith("# Soul\n\nI am the vps.\n\n## Tools\n\nUse ssh.\n");
  });

  test("of the same, or of less, is nothing new", () => {
    expect(mergeMarkdown("a\n\nb\n", "b\r\n\r\na")).toBeNull();
    expect(mergeMarkdown("a", "")).toBeNull();
  });

  test("keeps fenced code together", () => {
    const code = "```sh\na\n\n# no heading\n\nb\n```";
    expect(mergeMarkdown("x", `x\n\n${code}\n`)).toEndWith(`${code}\n`);
  });

  test("is complete: a second time there is nothing to add, and nothing is lost", () => {
    const text = fc
      .array(fc.oneof(fc.constantFrom("# a", "## b", "", "```", "- x", "~~~"), fc.string()), {
        maxLength: 12,
      })
      .map((lines) => lines.join("\n"));
    fc.assert(
      fc.property(text, text, (own, other) => {
        const merged = mergeMarkdown(own, other);
        if (merged === null) return;
        expect(merged.startsWith(own.trim() === "" ? "" : own.trimEnd())).toBeTrue();
        expect(mergeMarkdown(merged, other)).toBeNull();
      }),
    );
  });
});

describe("a configuration that is filled in", () => {
  const own = `// mine
{
  gateway: { port: 1, /* { */ auth: { token: 'a"{' } }, // keep
  "agents": { defaults: {}, list: [{ x: 1 }] },
}
`;
  const given = {
    agents: {
      defaults: { model: { primary: "a/b" } },
      entries: { main: { identity: { name: "C" } } },
      list: [1],
    },
    tools: { web: true },
    gateway: 5,
  };

  test("keeps every byte that was there, comments too, and all that it said", () => {
    const before = parseJson5Text(own) as JsonObject;
    const missing = findMissingKeys(before, given);
    const text = insertKeys(own, missing) ?? "";
    expect(parseJson5Text(text)).toEqual(withKeys(before, missing));
    expect(parseJson5Text(text)).toMatchObject({
      gateway: { port: 1 },
      agents: { defaults: { model: { primary: "a/b" } }, list: [{ x: 1 }] },
      tools: { web: true },
    });
    for (const comment of ["// mine", "/* { */", "// keep"]) expect(text).toContain(comment);
    expect(findMissingKeys(parseJson5Text(text) as JsonObject, given)).toEqual([]);
  });

  test("stays plain JSON when it is", () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.string(), fc.jsonValue()),
        fc.dictionary(fc.string(), fc.jsonValue()),
        (a, b) => {
          const before = JSON.parse(JSON.stringify(a));
          const missing = findMissingKeys(before, JSON.parse(JSON.stringify(b)));
          const text = insertKeys(JSON.stringify(before, null, 2), missing);
          if (text !== null) expect(JSON.parse(text)).toEqual(withKeys(before, missing));
        },
      ),
    );
  });
});
