import type { RuntimeKind } from "../protocol/capability.ts";
import type { Secret } from "../protocol/secret.ts";

/**
 * What an adapter does when its runtime asks whether it may use a tool. `deny`: it says no, and the agent goes on without.
 * `fail`: it says no and ends the run as a failure that names the tool. `allow`: it says yes, once, to every question, except
 * that a text of another owner is treated as under `deny`.
 */
export type ApprovalPolicy = "deny" | "fail" | "allow";

/** How an OpenAI-compatible server keeps a conversation. docs/how-to/openai.md */
export type OpenaiSessions =
  /** By what the server says it is. */
  | "auto"
  /** It keeps none: earlier turns are sent again. */
  | "history"
  /** It keeps them by a field of the body (`session_id`) and takes one user message a request: nanobot. */
  | "body"
  /** It keeps them by a header (`x-openclaw-session-key`, `x-session-key`). */
  | "header"
  /** It keeps them by `conversation` of `/v1/responses`: Hermes. */
  | "responses";

/** A program that is started without a shell. */
export interface ProgramSettings {
  /** Program and arguments, at least one. */
  readonly command: readonly string[];
  /** Folder it works in; null: a folder of its own below the data directory. */
  readonly cwd: string | null;
  /** Variables beside those of the node agent. Values may be keys. */
  readonly env: Readonly<Record<string, Secret>>;
}

/** Of a gateway on this machine whose address or key was found here, not given for each other by the operator. */
interface FoundHere {
  /** Nothing goes there unless this user or root listens at the port, where the system tells; default false. */
  readonly checksOwner?: boolean;
}

/** Everything an adapter has to be told; `createRuntime` builds it from this. */
export type RuntimeSettings =
  | {
      readonly kind: "echo";
      /** Time that an answer takes; default 0. For tests and measurements. */
      readonly delayMs?: number;
    }
  | ({
      readonly kind: "openclaw";
      /** `host:port` or a URL; null: its usual address. */
      readonly endpoint: string | null;
      readonly token: Secret | null;
    } & FoundHere)
  | ({
      readonly kind: "openai";
      readonly endpoint: string;
      readonly token: Secret | null;
      /** null: the first of the server's list that chats. */
      readonly model: string | null;
      readonly sessions: OpenaiSessions;
    } & FoundHere)
  | ({
      readonly kind: "zeroclaw";
      /** null: its usual address, 127.0.0.1:42617. */
      readonly endpoint: string | null;
      /** null: one that was kept from an earlier pairing, else a new pairing on loopback. */
      readonly token: Secret | null;
      /** Alias of the agent; null: `default`. */
      readonly agent: string | null;
      readonly approvals: ApprovalPolicy;
      /** `auto`: the WebSocket chat, and the webhook where there is none. */
      readonly via: "auto" | "socket" | "webhook";
    } & FoundHere)
  | ({
      readonly kind: "acp";
      readonly approvals: ApprovalPolicy;
    } & ProgramSettings)
  | ({
      readonly kind: "command";
      /** `stdin`: the message is written to standard input. `argument`: it replaces `{message}` in the arguments. */
      readonly input: "stdin" | "argument";
      /** `text`: standard output is the answer. `json-lines`: one JSON object a line, see docs/how-to/command.md. */
      readonly output: "text" | "json-lines";
    } & ProgramSettings);

/** Keeps tokens that adapters got by themselves (pairing), each in a file of its own that only this user can read. */
export interface RuntimeCredentials {
  /** `name`: kind and address, such as `zeroclaw 127.0.0.1:42617`. null: none was kept. */
  readonly load: (name: string) => Promise<Secret | null>;
  readonly save: (name: string, token: Secret) => Promise<void>;
}

/** Kinds that a node can have, in the order in which it prefers them when a message names none. */
export const runtimePreference = [
  "openclaw",
  "zeroclaw",
  "acp",
  "openai",
  "command",
  "echo",
] as const satisfies readonly RuntimeKind[];
