/** What is planted and looked for. */
export const secretNames = [
  "the admin token",
  "an API token",
  "a rotated API token",
  "a token made on the command line",
  "an invite code",
  "a node token",
  "a direct node's token",
  "the key of the sealed tokens",
  "a gateway token",
  "a provider key",
  "a proxy password",
  "the key of the TLS certificate",
  "the key of the TLS authority",
  "a session cookie",
  "a wrong token that was tried",
  "an idempotency key",
  "a message",
  "an answer",
] as const;
export type SecretName = (typeof secretNames)[number];

/** Where it is looked for. */
export const surfaceNames = [
  "standard output of the coordinator",
  "the coordinator's log as text, at level debug",
  "the coordinator's log as JSON, at level debug",
  "output of the coordinator under TLS",
  "output of the nodes, at level debug",
  "output of commands that show something once",
  "output of commands about messages",
  "output of all other commands",
  "help and usage errors",
  "the support bundle",
  "an export of tasks",
  "the answers that show something once",
  "answers about tasks",
  "all other answers to the admin token",
  "answers to a read token, but for tasks",
  "answers to a node's token",
  "answers to nobody",
  "the page, its style and script",
  "the stream of events",
  "tables of mesh.db",
  "bytes of mesh.db and its backups",
  "tables of journal.db",
  "bytes of journal.db",
  "the token file",
  "the key of sealed tokens",
  "node.json",
  "the tls folder",
  "other files of the state directory",
  "files left in the working and temporary directories",
  "command lines of the processes",
  "environments of the processes",
  "the report of a fault that nothing caught",
] as const;
export type SurfaceName = (typeof surfaceNames)[number];

const messageSurfaces: readonly SurfaceName[] = [
  "output of commands about messages",
  "an export of tasks",
  "answers about tasks",
  "tables of mesh.db",
  "bytes of mesh.db and its backups",
];

/**
 * Where a secret may be, and nowhere else. The environment is what a person gave the process; the command line of `join`
 * carries the invite that a person typed, which is void once it was used.
 */
export const allowed: Readonly<Record<SecretName, readonly SurfaceName[]>> = {
  "the admin token": ["the token file"],
  "an API token": ["the answers that show something once"],
  "a rotated API token": ["the answers that show something once"],
  "a token made on the command line": ["output of commands that show something once"],
  "an invite code": ["output of commands that show something once", "command lines of the processes"],
  "a node token": ["node.json"],
  "a direct node's token": ["node.json"],
  // It seals the tokens of direct nodes in the database.
  "the key of the sealed tokens": ["the key of sealed tokens"],
  "a gateway token": [],
  "a provider key": ["environments of the processes"],
  "a proxy password": ["environments of the processes"],
  "the key of the TLS certificate": ["the tls folder"],
  "the key of the TLS authority": ["the tls folder"],
  "a session cookie": ["the answers that show something once"],
  "a wrong token that was tried": [],
  "an idempotency key": ["tables of mesh.db", "bytes of mesh.db and its backups"],
  // The journal of a node keeps outcomes until they are acknowledged.
  "a message": [...messageSurfaces],
  "an answer": [...messageSurfaces, "tables of journal.db", "bytes of journal.db"],
};
