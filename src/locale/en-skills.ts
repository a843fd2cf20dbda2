/** What the mesh can do, as `claw-mesh skills` tells it. */
export const skillTexts = {
  none: "No node tells of a skill.",
  columns: { skill: "SKILL", nodes: "NODES", unusable: "UNUSABLE ON" },
  offline: (node: string) => `${node} (offline)`,
  lacking: (node: string, missing: string) => `${node} (${missing})`,
  more: (count: number) => `and ${count} more`,
  detail: {
    nodes: "Can be used on:",
    unusable: "Present, but lacks something:",
    lacks: (node: string, missing: string) => `${node}: ${missing}`,
    nobody: "no node",
  },
  leftOut: (count: number) => `${count} more skills are not shown.`,
  notFound: (name: string) => `no node has the skill "${name}"`,
  notFoundHint: "List what there is with: claw-mesh skills",
};

export const skillCommandTexts = {
  skills: {
    brief: "List what the nodes can do",
    full: "Lists the skills of all nodes, those that are offline too, and where one is present but lacks something. With a name, shows that skill.",
    examples: ["claw-mesh skills", "claw-mesh skills ffmpeg", "claw-mesh skills --json"],
    arguments: { skill: "Name of the skill [all]" },
  },
};
