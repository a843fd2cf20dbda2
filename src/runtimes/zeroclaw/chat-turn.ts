import type { Clock } from "../../platform/clock.ts";
import { exceedsBytes } from "../../platform/text-size.ts";
import type { RunChunk } from "../runtime.ts";
import type { ApprovalPolicy } from "../runtime-settings.ts";
import { matchText } from "../text-change.ts";
import type { ServerFrame } from "./chat-frames.ts";
import { type ChatAddress, openChatSocket } from "./chat-socket.ts";
import { endsTurn } from "./failure-map.ts";

/** How a turn came to its end; `lost`: the socket was closed before; `foreign`: the gateway has opened another session. */
export type TurnEnd =
  | { readonly kind: "done"; readonly text: string }
  | { readonly kind: "aborted" }
  /** `hasBegun`: the turn had shown something before, so that tools may have been used. */
  | {
      readonly kind: "error";
      readonly code: string | null;
      readonly message: string;
      readonly hasBegun: boolean;
    }
  | { readonly kind: "too_large" }
  | { readonly kind: "foreign" }
  | { readonly kind: "lost" };

/** One message on a socket of its own: a second one on it would join the running turn instead of beginning another. */
export interface ChatTurn {
  /** The gateway has greeted, or it is over already. */
  readonly greeted: Promise<"greeted" | "over">;
  readonly end: Promise<TurnEnd>;
  /** Resolves with the tool's name when one was asked for under the policy `fail`. */
  readonly refusedTool: Promise<string>;
  /** May be called once. */
  readonly send: (content: string) => void;
  /** No chunk is told from now on. */
  readonly mute: () => void;
  /** Closes the socket, which ends the turn in the gateway. */
  readonly close: () => void;
}

interface TurnOptions {
  readonly address: ChatAddress;
  readonly approvals: ApprovalPolicy;
  readonly maxAnswerBytes: number;
  readonly clock: Clock;
  readonly onChunk: (chunk: RunChunk) => void;
}

/** Code units of a frame beside its text. */
const frameOverhead = 64 * 1024;

export function openChatTurn(options: TurnOptions): ChatTurn {
  const greeted = Promise.withResolvers<"greeted" | "over">();
  const end = Promise.withResolvers<TurnEnd>();
  const refused = Promise.withResolvers<string>();
  let shown = "";
  let shownBytes = 0;
  let isMuted = false;
  let isSent = false;
  let hasBegun = false;

  const settle = (how: TurnEnd) => {
    if (how.kind === "done") tell(matchText(shown, how.text));
    isMuted = true;
    greeted.resolve("over");
    end.resolve(how);
  };
  const tell = (chunk: RunChunk | null) => {
    if (chunk === null || isMuted) return;
    shown = shown.slice(0, chunk.offset) + chunk.text;
    options.onChunk(chunk);
  };
  const onFrame = (frame: ServerFrame) => {
    switch (frame.type) {
      case "session_start":
        return isSession(frame.session_id, options.address.sessionId)
          ? greeted.resolve("greeted")
          : settle({ kind: "foreign" });
      case "thinking":
      case "tool_call":
      case "tool_result":
      case "plan":
        hasBegun = true;
        return;
      case "chunk":
        hasBegun = true;
        if (frame.content === "") return;
        shownBytes += Buffer.byteLength(frame.content);
        if (shownBytes > options.maxAnswerBytes) return settle({ kind: "too_large" });
        return tell({ offset: shown.length, text: frame.content });
      case "approval_request":
        hasBegun = true;
        socket.send(toDecision(frame.request_id, options.approvals));
        if (options.approvals === "fail") refused.resolve(frame.tool);
        return;
      case "done":
        if (exceedsBytes(frame.full_response, options.maxAnswerBytes)) return settle({ kind: "too_large" });
        return settle({ kind: "done", text: frame.full_response });
      case "aborted":
        return settle({ kind: "aborted" });
      case "error": {
        const { code = null, message } = frame;
        if (endsTurn(code)) settle({ kind: "error", code, message: message ?? "", hasBegun });
        return;
      }
      case "too_long":
        return settle({ kind: "too_large" });
      case "other":
        return;
      default:
        return frame satisfies never;
    }
  };
  const socket = openChatSocket(options.address, options.clock, {
    // In JSON a character takes up to six.
    maxFrameLength: options.maxAnswerBytes * 6 + frameOverhead,
    onFrame,
    onClose: () => settle({ kind: "lost" }),
  });

  return {
    greeted: greeted.promise,
    end: end.promise,
    refusedTool: refused.promise,
    send: (content) => {
      if (isSent) throw new Error("a turn has one message");
      isSent = true;
      socket.send({ type: "message", content });
    },
    mute: () => {
      isMuted = true;
    },
    close: socket.close,
  };
}

/** ZeroClaw's store puts `gw_` before the name of a session, and its calls take both. */
function isSession(told: string, asked: string): boolean {
  return told === asked || told === `gw_${asked}`;
}

/** Each question is answered for itself; ZeroClaw's own list of allowed tools stays as it is. */
function toDecision(requestId: string, approvals: ApprovalPolicy): object {
  const decision = approvals === "allow" ? "approve" : "deny";
  return { type: "approval_response", request_id: requestId, decision };
}
