/** Help of the commands that say who may do what. */
export const accessCommandTexts = {
  invite: {
    brief: "Print a line that lets a machine join; list and revoke such lines",
    full: "An invite is an expiring right to join, for one machine unless --uses says more. `claw-mesh invite` alone, or with the flags of create (--ttl, --uses, --name, --tags, --group), makes one: claw-mesh invite create --help.",
    examples: ["claw-mesh invite", "claw-mesh invite --ttl 10m --name gpu-box", "claw-mesh invite list"],
  },
  inviteCreate: {
    brief: "Print a line that lets one machine join",
    full: "Makes a one-use, expiring right to join, and prints the line for the other machine. The node gets the tags and groups that the invite names, and no others may join under its --name.",
    examples: [
      "claw-mesh invite",
      "claw-mesh invite --ttl 10m --name gpu-box --tags gpu,quiet --group training",
      "claw-mesh invite --uses 20 --ttl 1d",
    ],
    flags: {
      ttl: "How long it is good: 90, 30s, 5m, 2h, 7d [1h]",
      uses: "Machines that may join with it [1]",
      name: "The name that the machine has to join as",
      tags: "Tags that the node gets, joined by commas",
      group: "Groups that the node becomes a member of, joined by commas",
    },
  },
  inviteList: {
    brief: "List the invites that are still good",
    full: "Lists the invites that have uses left and have not expired, newest first. The codes themselves are nowhere.",
    examples: ["claw-mesh invite list"],
  },
  inviteRevoke: {
    brief: "Make an invite void",
    full: "Makes an invite void. Machines that have joined with it stay: remove one with claw-mesh node remove.",
    examples: ["claw-mesh invite revoke invite_0198c0ffee0198c0ffee0198c0ffee01"],
    arguments: { invite: "Its id" },
  },
  token: { brief: "Tokens with scopes and limits of their own: create, list, revoke, rotate" },
  tokenCreate: {
    brief: "Make a token and show it, this once",
    full: "Makes a token. Scopes: metrics < read < operate < admin see and change the mesh; send sends messages and, without read, sees only its own. To send means to run code on nodes: their AI agents do what a message asks.",
    examples: [
      "claw-mesh token create ci --scope send --groups build --rate 60 --ttl 30d",
      "claw-mesh token create dashboard --scope read",
      "claw-mesh token create partner --scope send --untrusted",
    ],
    arguments: { name: "What it is for" },
    flags: {
      scope: "What it may do, joined by commas: admin, operate, read, send (runs code on nodes), metrics",
      groups: "Only send to, and operate, nodes of these groups, joined by commas [all nodes]",
      rate: "Calls a minute [no limit]",
      ttl: "How long it is good: 30s, 2h, 30d [until it is revoked]",
      untrusted: "What it sends is another owner's: it carries the untrusted label",
    },
  },
  tokenList: {
    brief: "List the tokens",
    full: "Lists all tokens, newest first; revoked and expired ones for 30 days. Of the tokens themselves only the beginning is known.",
    examples: ["claw-mesh token list", "claw-mesh token list --json | jq '.tokens[].name'"],
  },
  tokenRevoke: {
    brief: "Make a token void at once",
    full: "Makes a token void. Its streams, links, waiting calls and logins end at once; queued messages that it sent stay, unless --cancel-tasks says otherwise.",
    examples: ["claw-mesh token revoke ci", "claw-mesh token revoke ci --cancel-tasks"],
    arguments: { token: "Name or id" },
    flags: { cancelTasks: "Cancel all messages that it sent and that have not ended" },
  },
  tokenRotate: {
    brief: "Give a token a new text and show it, this once",
    full: "Gives a token a new text. The old one is void at once; name, scopes, limits, and the messages it sent stay its own.",
    examples: ["claw-mesh token rotate ci"],
    arguments: { token: "Name or id" },
  },
};

export const inviteTexts = {
  intro: (expires: string, uses: number) =>
    uses === 1
      ? `On the other machine, once, before ${expires}:`
      : `On up to ${uses} other machines, before ${expires}:`,
  line: (url: string, code: string, name: string | null = null) =>
    `claw-mesh join ${url} --token ${code}${name === null ? "" : ` --name ${name}`}`,
  others: "Other addresses of this coordinator:",
  badTtl: "--ttl: an invite is good for 10s at least and 30d at most",
  badUses: "--uses: an invite is for 1 machine at least and 1000 at most",
  nameOnce: "--name: an invite for one name is for one machine; leave out --uses",
  none: "No invites are open.",
  revoked: (id: string) => `Invite ${id} is void.`,
  columns: {
    id: "ID",
    uses: "USES LEFT",
    expires: "EXPIRES",
    name: "NAME",
    grants: "TAGS AND GROUPS",
    by: "MADE BY",
  },
  usesLeft: (left: number, all: number) => `${left} of ${all}`,
  grants: (tags: readonly string[], groups: readonly string[]) =>
    [...tags, ...groups.map((group) => `group ${group}`)].join(", "),
  inTime: (time: string) => `in ${time}`,
};

export const tokenTexts = {
  made: (name: string) => `Token ${name} was made. This is the only time it is shown:`,
  rotated: (name: string) =>
    `Token ${name} has a new text; the old one is void. This is the only time it is shown:`,
  sends: "It may send messages: whoever has it can make the agents on your nodes run code.",
  mayAll: "It may do everything, and make further tokens.",
  revoked: (idOrName: string) => `Token ${idOrName} is void; what was open with it has ended.`,
  none: "No tokens were made; the admin token is the only one.",
  badTtl: "--ttl: a token is good for 10s at least and 10 years at most",
  badRate: "--rate: a token may make 1 call a minute at least and 1000000 at most",
  badScope: (scopes: readonly string[], near: string | null) =>
    `is not one of ${scopes.join(", ")}${near === null ? "" : `; did you mean "${near}"?`}`,
  isEmpty: "is empty",
  columns: {
    name: "NAME",
    shown: "TOKEN",
    scopes: "SCOPES",
    limits: "LIMITS",
    expires: "EXPIRES",
    lastUsed: "LAST USED",
    id: "ID",
  },
  limits: {
    groups: (groups: readonly string[]) => `groups ${groups.join(", ")}`,
    rate: (perMinute: number) => `${perMinute}/min`,
    untrusted: "untrusted",
  },
  never: "never",
  wasRevoked: "revoked",
  hasExpired: "expired",
  inTime: (time: string) => `in ${time}`,
  agoFrom: (time: string, address: string | null) =>
    `${time} ago${address === null ? "" : ` from ${address}`}`,
  justNow: (address: string | null) => `just now${address === null ? "" : ` from ${address}`}`,
};
