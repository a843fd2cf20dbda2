import type { Claim } from "../claim.ts";

const directory = "test/security/files/private-dir.test.ts";
const localToken = "test/security/files/local-token.test.ts";
const product = "test/security/files/whole-product.test.ts";

/** docs/reference/files.md lists the files and their modes. */
export const filesClaims: readonly Claim[] = [
  {
    id: "files.modes",
    claim:
      "The state directory is 0700 and every file in it 0600, whatever the shell's mask, and what was wider is closed at the start with a log line.",
    shownBy: [
      { file: product, tests: "files of the whole product > are all" },
      { file: product, tests: "files of the whole product > that were opened" },
      { file: directory, tests: "the state directory" },
      { file: directory, tests: "a file of the state directory" },
      { file: directory, tests: "a database" },
    ],
  },
  {
    id: "files.links",
    claim:
      "A symbolic link, a pipe or another user's file in the place of one of ours is refused and not followed, and so is a state directory below a folder that others may change.",
    shownBy: [
      { file: product, tests: "files of the whole product > are refused" },
      { file: product, tests: "files of the whole product > that a command" },
      { file: directory, tests: "reading a secret" },
      { file: "src/provision/own-record.test.ts" },
    ],
  },
  {
    id: "files.exports",
    claim: "Exports and support bundles are their owner's alone and are never written through a link.",
    shownBy: [
      { file: directory, tests: "an export" },
      { file: "src/cli/actions/support-bundle.test.ts" },
      { file: "src/platform/atomic-file.test.ts" },
    ],
  },
  {
    id: "files.local-token",
    claim:
      "The admin token of a data directory goes unasked to the coordinator that runs with it: to no other port, no other scheme, and to nobody who listens where one has ended.",
    shownBy: [
      { file: localToken, tests: "the admin token of a data directory" },
      { file: "src/platform/coordinator-file.test.ts" },
      { file: "src/cli/run-cli.test.ts", tests: "who is asked, and with which token" },
    ],
  },
  {
    id: "files.foreign-configuration",
    claim:
      "A configuration that another user owns, may write to, or could put in its place is passed over in the usual places, and told; named with --config it is used, and told.",
    shownBy: [
      { file: localToken, tests: "a configuration in a folder that all users share" },
      { file: "src/config/load-config.test.ts", tests: "a configuration that others could have written" },
    ],
  },
  {
    id: "files.folder-configuration",
    claim:
      "A configuration that is found where a command is typed takes the place of no stored admin token, names no authorities of another machine, and is told of.",
    shownBy: [
      { file: "test/security/files/folder-configuration.test.ts" },
      { file: "src/cli/find-trust.test.ts", tests: "authorities that a file of the current directory names" },
      { file: "src/coordinator/auth/admin-token.test.ts" },
    ],
  },
  {
    id: "files.configuration",
    claim: "A configuration that holds a token and that others can read is told of at the start.",
    shownBy: [
      { file: product, tests: "a configuration with a token" },
      { file: directory, tests: "the mode of a configuration" },
    ],
  },
];
