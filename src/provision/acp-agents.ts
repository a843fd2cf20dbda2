/** An agent that speaks the Agent Client Protocol on standard input and output. */
export interface AcpAgent {
  readonly product: string;
  /** Its program, as it is called on PATH. */
  readonly program: string;
  readonly args: readonly string[];
  /** Whether its `--version` is known to print a version and do nothing else. */
  readonly tellsVersion: boolean;
  /** It leads to the gateway of this runtime, or needs what that is set up with: of no use before that, and never chosen unasked. */
  readonly needs?: "openclaw" | "zeroclaw";
  /** Its own command line, which cannot be talked to without {@link program}. */
  readonly without?: { readonly program: string; readonly remedy: string };
}

/** Agents that are looked for, in the order of preference. A new one is a row. */
export const acpAgents: readonly AcpAgent[] = [
  {
    product: "Claude Code (ACP)",
    program: "claude-agent-acp",
    args: [],
    tellsVersion: false,
    without: { program: "claude", remedy: "npm install -g @agentclientprotocol/claude-agent-acp" },
  },
  {
    product: "Codex (ACP)",
    program: "codex-acp",
    args: [],
    tellsVersion: false,
    without: { program: "codex", remedy: "npm install -g @agentclientprotocol/codex-acp" },
  },
  { product: "Gemini CLI (ACP)", program: "gemini", args: ["--acp"], tellsVersion: true },
  { product: "OpenCode (ACP)", program: "opencode", args: ["acp"], tellsVersion: true },
  { product: "Cursor (ACP)", program: "cursor-agent", args: ["acp"], tellsVersion: true },
  { product: "Qwen Code (ACP)", program: "qwen", args: ["--acp"], tellsVersion: true },
  { product: "Kimi CLI (ACP)", program: "kimi", args: ["acp"], tellsVersion: true },
  { product: "goose (ACP)", program: "goose", args: ["acp"], tellsVersion: true },
  { product: "Hermes Agent (ACP)", program: "hermes", args: ["acp"], tellsVersion: true },
  { product: "OpenClaw (ACP)", program: "openclaw", args: ["acp"], tellsVersion: true, needs: "openclaw" },
  { product: "ZeroClaw (ACP)", program: "zeroclaw", args: ["acp"], tellsVersion: true, needs: "zeroclaw" },
];
