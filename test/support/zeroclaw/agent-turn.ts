import { randomUUID } from "node:crypto";
import { z } from "zod";
import type { ZeroclawAgent, ZeroclawModel } from "./config.ts";
import { type ChatMessage, callModel } from "./provider.ts";

/** What a turn shows while it runs, as the frames of the WebSocket chat. */
export type TurnEvent =
  | { readonly type: "chunk"; readonly content: string }
  | { readonly type: "tool_call"; readonly id: string; readonly name: string; readonly args: unknown }
  | { readonly type: "tool_result"; readonly id: string; readonly name: string; readonly output: string };

export interface TurnInput {
  readonly agent: ZeroclawAgent;
  readonly model: ZeroclawModel;
  readonly history: readonly ChatMessage[];
  readonly content: string;
  /** false: one plain model call, as the webhook of before 0.7.4. */
  readonly hasTools: boolean;
  readonly stream: boolean;
  readonly signal: AbortSignal;
  readonly emit: (event: TurnEvent) => void;
  /** Whether the tool may be used; asked unless the risk profile decides. */
  readonly askApproval: (tool: string, args: unknown) => Promise<boolean>;
  /** Messages that came while the turn runs; taken at its next step. */
  readonly takeSteering: () => readonly string[];
}

const maxSteps = 10;
const systemPrompt = "You are ZeroClaw. Use <tool_call> tags for tools.";

/** How a model without native tools asks for one: JSON in a tag, in its text. */
const toolCallPattern = /<tool_call>(\{.*?\})<\/tool_call>/s;
const ToolCall = z.object({ name: z.string(), arguments: z.unknown() });

/**
 * Model, tools, model again, until an answer without a tool call. The tools do nothing: what they "print" is their own
 * name and arguments. Rejects with ProviderFailure, or as the signal says.
 */
export async function runTurn(turn: TurnInput): Promise<string> {
  const messages: ChatMessage[] = [
    { role: "system", content: systemPrompt },
    ...turn.history,
    { role: "user", content: turn.content },
  ];
  for (let step = 0; step < maxSteps; step++) {
    const text = await askModel(turn, messages);
    const call = turn.hasTools ? readToolCall(text) : null;
    const steering = turn.takeSteering();
    if (call === null && steering.length === 0) return text;
    messages.push({ role: "assistant", content: text });
    if (call !== null) messages.push({ role: "user", content: await useTool(turn, call) });
    for (const content of steering) messages.push({ role: "user", content });
  }
  return "The turn was ended after its last step.";
}

async function askModel(turn: TurnInput, messages: readonly ChatMessage[]): Promise<string> {
  let seen = "";
  const onDelta = (text: string) => {
    seen += text;
    // What belongs to a tool call is not shown.
    if (!turn.hasTools || !seen.includes("<tool_call>")) turn.emit({ type: "chunk", content: text });
  };
  return await callModel({ model: turn.model, messages, stream: turn.stream, signal: turn.signal, onDelta });
}

function readToolCall(text: string): z.infer<typeof ToolCall> | null {
  const match = toolCallPattern.exec(text);
  if (match === null) return null;
  try {
    return ToolCall.parse(JSON.parse(match[1] ?? ""));
  } catch {
    // A call that cannot be read is text, as in ZeroClaw.
    return null;
  }
}

async function useTool(turn: TurnInput, call: z.infer<typeof ToolCall>): Promise<string> {
  const id = randomUUID();
  const args = call.arguments ?? {};
  turn.emit({ type: "tool_call", id, name: call.name, args });
  const isAllowed = await decideApproval(turn, call.name, args);
  turn.signal.throwIfAborted();
  const output = isAllowed ? `${call.name} ran with ${JSON.stringify(args)}` : "Denied by user.";
  turn.emit({ type: "tool_result", id, name: call.name, output });
  return `[Tool results]\n<tool_result name="${call.name}">\n${output}\n</tool_result>`;
}

async function decideApproval(
  { agent, askApproval }: TurnInput,
  tool: string,
  args: unknown,
): Promise<boolean> {
  if (agent.level === "full" || agent.autoApprove.includes(tool)) return true;
  if (agent.level === "readonly") return false;
  return await askApproval(tool, args);
}
