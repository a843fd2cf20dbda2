/** What the commands of rules and groups say. */
export const ruleTexts = {
  none: "No routing rules configured.",
  columns: {
    position: "#",
    id: "ID",
    match: "MATCH",
    target: "TARGET",
    strategy: "STRATEGY",
    origin: "ORIGIN",
  },
  refuses: "refused",
  origins: { config: "file", api: "api" },
  added: (id: string) => `Rule added: ${id}`,
  warning: (text: string) => `Warning: ${text}`,
  removed: (id: string) => `Rule removed: ${id}`,
  moved: (id: string, position: number) => `Rule moved: ${id} is now #${position}`,
  unknown: (id: string) => `rule "${id}" not found`,
  fixed: (id: string) => `rule ${id} comes from the configuration file and cannot be moved`,
  noPlace: "say where: --first, --last or --to <position>",
};

export const groupTexts = {
  none: "No groups.",
  columns: { name: "NAME", nodes: "NODES", match: "MATCH", origin: "ORIGIN" },
  saved: (name: string) => `Group saved: ${name}`,
  removed: (name: string) => `Group removed: ${name}`,
  empty: "a group needs --nodes, --match, or both",
  oneEach: "a group can ask for one skill and one tag, and not for any-skill or group",
};
