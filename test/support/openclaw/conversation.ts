/** Reads what OpenClaw sends to a model provider: the messages of a chat completion, with its own decorations. */

export interface Conversation {
  /** The message that the current turn is about, undecorated. */
  readonly task: string;
  /** Undecorated user messages of earlier turns, oldest first. */
  readonly earlier: readonly string[];
  /** The turn was begun again by the gateway itself, after a crash. */
  readonly isRecovery: boolean;
  /** Output of the tool that this turn asked for; null before it ran. */
  readonly toolOutput: string | null;
}

interface ChatMessage {
  readonly role: string;
  readonly text: string;
}

const internalContext = "<<<BEGIN_OPENCLAW_INTERNAL_CONTEXT>>>";
const timestampPrefix = /^\[[A-Z][a-z]{2} \d{4}-\d{2}-\d{2} [^\]]*\] /;
/** Before a message whose turn is begun again, by a retry or after a crash. */
const againPrefix = /^\[Queued user message from a previous active turn[^\]]*\]\s*/;
const runtimeSuffix = /\n\nRuntime: agent=[\s\S]*$/;
const retrySuffix = /(?:\n\n|^)Continue the current task from the existing transcript[\s\S]*$/;
const recoveryNote = /\s*\[System\] Your previous turn was interrupted[\s\S]*$/;

/** Throws when the body is no chat completion request. */
export function parseConversation(body: unknown): Conversation {
  const messages = readMessages(body);
  const users = messages.filter((message) => message.role === "user").map((message) => message.text);
  const isRecovery = recoveryNote.test(users.at(-1) ?? "");
  const asked = users.map(undecorate).filter((text) => text !== "");
  // After a failed try the gateway asks to go on, in a message of its own.
  const last = messages.findLast((message) => message.role !== "user" || undecorate(message.text) !== "");
  return {
    task: asked.at(-1) ?? "",
    earlier: asked.slice(0, -1),
    isRecovery,
    toolOutput: last?.role === "tool" ? last.text : null,
  };
}

function readMessages(body: unknown): readonly ChatMessage[] {
  const messages = isRecord(body) ? body.messages : null;
  if (!Array.isArray(messages)) throw new TypeError("the request has no messages");
  return messages
    .filter(isRecord)
    .map((message) => ({ role: String(message.role), text: toText(message.content) }))
    .filter((message) => !message.text.includes(internalContext));
}

function toText(content: unknown): string {
  if (typeof content === "string") return content;
  if (!Array.isArray(content)) return "";
  return content
    .filter(isRecord)
    .map((part) => (typeof part.text === "string" ? part.text : ""))
    .join("");
}

function undecorate(text: string): string {
  return text
    .replace(timestampPrefix, "")
    .replace(againPrefix, "")
    .replace(runtimeSuffix, "")
    .replace(recoveryNote, "")
    .replace(retrySuffix, "")
    .trim();
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
