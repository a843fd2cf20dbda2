import type { Claim } from "../claim.ts";

const canary = "test/security/secrets/canary.test.ts";

/** Where tokens, keys and contents may be, and nowhere else. test/support/canary/cast.ts has the table. */
export const secretsClaims: readonly Claim[] = [
  {
    id: "secrets.canary",
    claim:
      "A secret planted anywhere in the product shows up nowhere but where the table allows it: not in logs, outputs, errors, HTTP answers, pages, database, files, arguments, exports and reports, in clear, hexadecimal or base 64.",
    shownBy: [{ file: canary }],
  },
  {
    id: "secrets.type",
    claim:
      "No text that is made of a secret by accident holds it, and no field or parameter named after a secret is declared as text.",
    shownBy: [
      { file: "src/protocol/secret.test.ts" },
      { file: "test/security/secrets/secret-fields.test.ts" },
      { file: "src/config/load-config.test.ts", tests: "what counts > printing the configuration" },
    ],
  },
  {
    id: "secrets.redaction",
    claim:
      "What leaves as log, error, fault report or support bundle passes a filter that hides tokens, keys, passwords and private keys by their shape, in time linear in the text.",
    shownBy: [
      { file: "src/protocol/redact-text.test.ts" },
      { file: "src/platform/log.test.ts" },
      { file: "src/cli/fault-report.test.ts" },
      { file: "src/cli/actions/support-bundle.test.ts" },
      {
        file: "src/runtimes/openai/failure-map.test.ts",
        tests: "a message that another program had a part in",
      },
    ],
  },
  {
    id: "secrets.sealed",
    claim:
      "The database alone opens nothing: tokens and invites are in it as hashes, and the tokens of direct nodes sealed with a key that is kept beside it; nothing is left of those that an earlier version stored in clear.",
    shownBy: [
      { file: "src/coordinator/direct/sealed-tokens.test.ts" },
      { file: canary, tests: "a direct node's token" },
      { file: canary, tests: "a node token" },
      { file: canary, tests: "an invite code" },
    ],
  },
  {
    id: "secrets.argv",
    claim:
      "A token can be given in a file, and the program starts nothing with a secret among its arguments.",
    shownBy: [
      { file: "src/cli/token-flags.test.ts" },
      { file: "test/security/secrets/reveals.test.ts" },
      { file: canary },
    ],
  },
  {
    id: "secrets.foreign-ports",
    claim:
      "A key that was found or kept on a machine with Linux goes to no port of it at which another user listens, and no message follows it: neither when runtimes are looked for, nor by a node.",
    shownBy: [
      { file: "test/security/secrets/foreign-ports.test.ts" },
      { file: "src/platform/port-owner.test.ts" },
      { file: "test/integration/find-runtime.test.ts", tests: "choosing by itself > gives no token" },
    ],
  },
];
