import { z } from "zod";
import type { Failure } from "../../protocol/failure.ts";
import { maxAnswerBytes } from "../../protocol/task.ts";
import type { RunChunk } from "../runtime.ts";
import type { ApprovalPolicy } from "../runtime-settings.ts";
import {
  decidePermission,
  noPermission,
  type PermissionAnswer,
  type PermissionQuestion,
} from "./permission-policy.ts";

/** Questions in one turn; an agent that asks on for ever is stopped. */
const maxQuestions = 200;

/** The part of a `session/update` that an answer is made of; all else of it is passed over. */
const MessageChunk = z.object({
  sessionUpdate: z.literal("agent_message_chunk"),
  content: z.object({ type: z.literal("text"), text: z.string() }),
});

/** What comes from the agent while it works on one message. */
export interface PromptTurn {
  readonly onUpdate: (update: unknown) => void;
  readonly onPermission: (question: PermissionQuestion) => PermissionAnswer;
  readonly text: () => string;
  /** Why the turn is to be stopped from this side; null while it may go on. */
  readonly failure: () => Failure | null;
  /** Nothing counts any more. */
  readonly end: () => void;
}

interface PromptTurnOptions {
  readonly policy: ApprovalPolicy;
  readonly location: string;
  readonly onChunk: (chunk: RunChunk) => void;
  /** There is a {@link PromptTurn.failure} now. Called once. */
  readonly onFailure: () => void;
}

/** The answer is what the agent says, one piece after the other; its thoughts, plans and tools are not. */
export function createPromptTurn({ policy, location, onChunk, onFailure }: PromptTurnOptions): PromptTurn {
  let text = "";
  let bytes = 0;
  let questions = 0;
  let failure: Failure | null = null;
  let isOver = false;
  const fail = (reason: Failure) => {
    if (isOver) return;
    isOver = true;
    failure = reason;
    onFailure();
  };
  return {
    onUpdate: (update) => {
      const chunk = isOver ? null : MessageChunk.safeParse(update).data;
      if (!chunk || chunk.content.text === "") return;
      bytes += Buffer.byteLength(chunk.content.text);
      if (bytes > maxAnswerBytes) {
        const message = `the answer of ${location} is longer than ${maxAnswerBytes / 2 ** 20} MiB`;
        return fail({ class: "too_large", message });
      }
      onChunk({ offset: text.length, text: chunk.content.text });
      text += chunk.content.text;
    },
    onPermission: ({ options, toolCall }) => {
      questions += 1;
      if (isOver) return noPermission;
      if (questions > maxQuestions) {
        const message = `${location} asked more than ${maxQuestions} times whether it may use a tool`;
        fail({ class: "runtime_error", kind: "internal", message });
        return noPermission;
      }
      if (policy === "fail") {
        const tool = toolCall.title ?? toolCall.kind ?? toolCall.toolCallId;
        const message = `${location} asked whether it may use a tool, and approvals are set to fail: ${tool}`;
        fail({ class: "runtime_error", kind: "bad_request", message });
      }
      return decidePermission(policy, options);
    },
    text: () => text,
    failure: () => failure,
    end: () => {
      isOver = true;
    },
  };
}
