import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { redactText, redactValue } from "./redact-text.ts";
import { Secret } from "./secret.ts";

const hex = "0123456789abcdef0123456789abcdef";
const pem = "-----BEGIN EC PRIVATE KEY-----\nMHcCAQEEIB/abc+123=\n-----END EC PRIVATE KEY-----";

/** What it is, the text, and the part that must be gone. */
const secrets: readonly (readonly [string, string, string])[] = [
  ["an API token", "used cmt_0123456789abcdef0123 here", "cmt_0123456789abcdef0123"],
  ["an invite with its pin", "join cmi_0123456789abcdef.Zm9v-YmFy_", "Zm9v-YmFy_"],
  ["a node token", `(cmn_${hex})`, hex],
  ["an admin token", `is ${hex}, which`, hex],
  ["an admin token in capitals", hex.toUpperCase(), hex.toUpperCase()],
  ["a bearer header", "Authorization: Bearer abc.def~1", "abc.def~1"],
  ["a bearer header in lower case", "authorization: bearer   s3cret", "s3cret"],
  ["a basic header", "Proxy-Authorization: Basic dXNlcjpwdw==", "dXNlcjpwdw=="],
  ["another scheme", "authorization: Digest s3cret", "s3cret"],
  ["a cookie header", "Cookie: claw_mesh_session=s3cret; a=b", "s3cret"],
  ["a set cookie", "set __Host-claw_mesh_session=s3cret; Secure", "s3cret"],
  ["a password of a URL", "proxy http://ada:s3cret@host:8080/x", "s3cret"],
  ["a user of a URL", "https://s3cret@host", "s3cret"],
  ["a database URL", "postgres://u:s3cret@h/db", "s3cret"],
  ["an OpenAI key", "Incorrect API key: sk-proj-s3cret_Abc", "s3cret"],
  ["a key that a server has shortened", "key sk-abcd****wxyz is wrong", "wxyz"],
  ["a GitHub token", "ghp_0123456789abcdefABCD", "ghp_0123456789abcdefABCD"],
  ["a fine-grained GitHub token", "github_pat_11AAAA_s3cret", "s3cret"],
  ["a Slack token", "xoxb-123456-s3cret", "s3cret"],
  ["an AWS key", "AKIAIOSFODNN7EXAMPLE", "IOSFODNN7"],
  ["a Google key", "AIzaSyA-1234567890abcdefghijk", "1234567890"],
  ["a JSON web token", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln", "eyJzdWIiOiIxIn0"],
  ["a JSON web token behind a dash", "x-eyJhbGciOiJI.eyJzdWIiOiIxIn0.c2ln", "eyJzdWIiOiIxIn0"],
  [
    "a JSON web token behind another beginning",
    "eyJabcdefgh-eyJhbGciOiJI.eyJzdWIiOiIxIn0",
    "eyJzdWIiOiIxIn0",
  ],
  ["a private key", `key:\n${pem}\nafter`, "MHcCAQEEIB"],
  ["a private key that was cut off", pem.slice(0, 45), "MHcCAQ"],
  ["an encrypted private key", pem.replace("MHc", "DEK-Info: AES-128-CBC,1\n\nMHc"), "MHcCAQEEIB"],
  ["a query", "http://host/?token=s3cret&x=1", "s3cret"],
  ["a flag", "up --gateway-token=s3cret", "s3cret"],
  ["a field of JSON", '{"api_key": "s3cret"}', "s3cret"],
  ["a key header", "x-api-key: s3cret", "s3cret"],
];

/** What must stay readable. */
const harmless: readonly string[] = [
  `task_${hex} is done by node_${hex}`,
  `invite_${hex} token_${hex}`,
  "token cmt_0123abcd is revoked",
  "Send Authorization: Bearer <token>, or use --token or CLAW_MESH_TOKEN.",
  "claw-mesh.yaml:2:10: coordinator.token: must be text; put digits in quotes",
  "http://127.0.0.1:9180/api/v1/nodes?limit=5",
  "give it with --gateway-token",
  'use --token="$(cat token)"',
  "the task-list of ada@host",
  "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
  "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
  "",
];

describe("redacting a text", () => {
  test.each(secrets)("hides %s", (_what, text, secret) => {
    const clean = redactText(text);
    expect(clean).not.toContain(secret);
    expect(clean).toContain("***");
    expect(redactText(clean)).toBe(clean);
  });

  test.each(harmless)("leaves %j as it is", (text) => {
    expect(redactText(text)).toBe(text);
  });

  test("hides known secrets wherever they stand, and not words that are too short to tell", () => {
    expect(redactText("a hunter2 b", [new Secret("hunter2")])).toBe("a *** b");
    expect(redactText("a pw b", [new Secret("pw"), new Secret("")])).toBe("a pw b");
  });

  test("any text comes out as text, and a made token never (1,000 runs)", () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), fc.stringMatching(/^[0-9a-f]{32}$/), (before, after, secret) => {
        expect(redactText(`${before} cmn_${secret} ${after}`)).not.toContain(secret);
      }),
      { numRuns: 1_000 },
    );
  });
});

/** How secrets begin, or all but end: what an attacker would repeat to make a pattern start again and again. */
const beginnings = [
  "-----BEGIN ",
  "-----BEGIN EC PRIVATE KEY-----",
  "-----BEGIN A A A A PRIVATE KEY-----x-----END ",
  "cmt_",
  "cmn_0123456789.",
  hex,
  `${hex.slice(1)} `,
  "Bearer ",
  "Basic <",
  "Bearer  \t",
  "://",
  "://a",
  "://a:b",
  "sk-",
  "sk-aaaaaa",
  "xoxb-",
  "github_pat_",
  "AKIA",
  "AKIA0123456789",
  "AIza",
  "AIzaSyA-123456789",
  "eyJ",
  "eyJhbGciOi",
  "eyJhbGciOi.",
  "eyJhbGciOi.eyJ",
  "token=",
  "token ",
  'token"=',
  'api_key": "',
  "password'  :  '",
  "authorization",
  "proxy-authorization:    ",
  "cookie: Bearer ",
  "cookie",
  "x-api-key:",
  "task-",
  " ",
];

describe("the time that redacting takes", () => {
  /** The shortest of some tries, as the machine does other things too. */
  function quickest(text: string, tries: number): number {
    const times = Array.from({ length: tries }, () => {
      const startMs = performance.now();
      redactText(text);
      return performance.now() - startMs;
    });
    return Math.min(...times);
  }

  /** Less than this is not told from noise: the machine has other work, too. */
  const leastMs = 2;

  // Another one at every place: behind a dash begins a word, which a run of `[\w-]` then goes over again.
  const parts = beginnings.flatMap((part) => [part, `-${part}`]);
  test.each(parts)(
    "grows with the length of %j repeated, and not faster",
    (part) => {
      const ofLength = (length: number) => part.repeat(Math.ceil(length / part.length)).slice(0, length);
      const [short, long] = [ofLength(64 * 1024), ofLength(1024 * 1024)];
      let ratio = Number.POSITIVE_INFINITY;
      // 16 times the length; where the square of it were needed, the ratio would be 256.
      for (let tries = 0; tries < 6 && ratio > 40; tries += 1)
        ratio = Math.min(ratio, quickest(long, 1) / Math.max(quickest(short, 3), leastMs));
      expect(ratio).toBeLessThan(40);
    },
    20_000,
  );
});

describe("redacting a value", () => {
  test("hides fields by their name at any depth, and texts by their shape", () => {
    const value = {
      token: "abc",
      has_token: true,
      tokens: 3,
      secret: new Secret("abc"),
      anything: new Secret("abc"),
      nested: [{ Authorization: ["abc"] }, { note: "Bearer abcdef" }],
      error: Object.assign(new Error("with sk-abcdefgh"), { code: "X" }),
      nothing: null,
    };
    const clean = redactValue(value);
    expect(JSON.stringify(clean)).not.toMatch(/abc/);
    expect(clean).toMatchObject({
      has_token: true,
      tokens: 3,
      nothing: null,
      error: { name: "Error", code: "X" },
    });
  });

  test("ends where a value holds itself", () => {
    const round: { self?: unknown } = {};
    round.self = round;
    expect(JSON.stringify(redactValue(round))).toContain("…");
  });
});
