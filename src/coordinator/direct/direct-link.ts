import type { Clock } from "../../platform/clock.ts";
import type { SafeFetch } from "../../platform/safe-fetch.ts";
import { RuntimeKind } from "../../protocol/capability.ts";
import {
  type DirectMessage,
  type DirectOffer,
  directMessagesPath,
  directOfferHeader,
  directRuntimeHeader,
  toHeaderJson,
} from "../../protocol/direct.ts";
import { type AttemptKey, type NodeId, toAttemptKey } from "../../protocol/ids.ts";
import { toIsoTime } from "../../protocol/iso-time.ts";
import type { AttemptRef, CoordinatorFrame, OfferFrame } from "../../protocol/link/v1/frames.ts";
import type { Secret } from "../../protocol/secret.ts";
import { nodePrincipal } from "../auth/principal.ts";
import type { AttemptFrame } from "../dispatch/attempt-reports.ts";
import type { LinkToNode } from "../nodes/mesh-node.ts";
import type { AnswerReading } from "./answer-reading.ts";
import type { CallBudget } from "./call-budget.ts";
import {
  type DeliveryOutcome,
  maxDeliveryBytes,
  maxErrorAnswerBytes,
  toBeyondOutcome,
  toDeliveryOutcome,
} from "./delivery-outcome.ts";

/** Where and with what a node is called; changes when it registers again. */
export interface DirectTarget {
  /** `host:port` as the node gave it. */
  readonly endpoint: string;
  /** `http://host:port` */
  readonly origin: string;
  readonly token: Secret;
}

export interface DirectLinkDeps {
  readonly nodeId: NodeId;
  readonly target: () => DirectTarget;
  readonly safeFetch: SafeFetch;
  readonly budget: CallBudget;
  readonly reading: AnswerReading;
  readonly clock: Clock;
  /** Whether the endpoint answers now. */
  readonly probe: (limitMs: number) => Promise<boolean>;
  readonly lastSeenMs: () => number;
  readonly onFrame: (link: DirectLink, frame: AttemptFrame) => void;
  /** Before its frame is told. */
  readonly onOutcome: (outcome: DeliveryOutcome) => void;
  readonly onDrain: (limitMs: number | null) => void;
  /** Somebody else ended it: an operator, a goodbye, or a link that took over. */
  readonly onClosed: (reason: string) => void;
}

/** A direct endpoint in the shape of a link: an offer is one HTTP call, a cancel its abort. */
export interface DirectLink extends LinkToNode {
  readonly isCalling: (key: AttemptKey) => boolean;
  readonly callCount: () => number;
  /** Ends all calls. `reason` null: and says nothing about them. */
  readonly abandon: (reason: string | null) => void;
}

const fullMessage = "too many direct calls run at once";

interface Delivery {
  readonly offer: OfferFrame;
  readonly controller: AbortController;
}

export function createDirectLink(deps: DirectLinkDeps): DirectLink {
  const { clock } = deps;
  const deliveries = new Map<AttemptKey, Delivery>();
  let isOpen = true;

  async function deliver(key: AttemptKey, delivery: Delivery): Promise<void> {
    const { offer, controller } = delivery;
    const { task, attempt } = offer;
    const { origin, token } = deps.target();
    const reading = deps.reading.begin(deps.nodeId);
    const answer = await deps.safeFetch({
      url: origin + directMessagesPath,
      method: "POST",
      headers: {
        "content-type": "application/json",
        authorization: `Bearer ${token.reveal()}`,
        [directOfferHeader]: toHeaderJson(toDirectOffer(offer)),
      },
      body: JSON.stringify(toDirectMessage(key, offer, clock.nowMs())),
      timeoutMs: offer.timeout_ms,
      maxBytes: maxDeliveryBytes,
      maxErrorBytes: maxErrorAnswerBytes,
      signal: controller.signal,
      onBytes: reading.take,
    });
    // What waits for its turn is bounded by its call, which counts until then.
    if (answer.kind === "answered") await reading.turn(answer.text.length);
    reading.end();
    deps.budget.giveBack();
    if (deliveries.get(key) !== delivery) return;
    deliveries.delete(key);
    const ref = { task, attempt };
    const isBeyond = answer.kind === "too_large" && reading.isBeyond();
    const outcome = isBeyond ? toBeyondOutcome(ref) : toDeliveryOutcome(ref, answer);
    deps.onOutcome(outcome);
    const { frame } = outcome;
    if (answer.kind === "answered" && (frame.type === "result" || frame.type === "failed")) {
      const runtime = RuntimeKind.safeParse(answer.headers.get(directRuntimeHeader));
      if (runtime.success) deps.onFrame(link, { type: "started", ...ref, runtime: runtime.data });
    }
    deps.onFrame(link, frame);
  }

  function send(frame: CoordinatorFrame): void {
    switch (frame.type) {
      case "offer": {
        const key = toAttemptKey(frame.task, frame.attempt);
        if (!isOpen || deliveries.has(key)) return;
        if (!deps.budget.take()) {
          const refusal = { type: "refuse", ...toRef(frame), reason: "full", message: fullMessage } as const;
          // Whoever sends the offer is in the middle of that.
          queueMicrotask(() => deps.onFrame(link, refusal));
          return;
        }
        const delivery = { offer: frame, controller: new AbortController() };
        deliveries.set(key, delivery);
        void deliver(key, delivery);
        return;
      }
      case "cancel":
        deliveries.get(toAttemptKey(frame.task, frame.attempt))?.controller.abort();
        return;
      case "drain":
        deps.onDrain(frame.deadline_ms);
        return;
      case "undrain":
        deps.onDrain(null);
        return;
      case "welcome":
      case "ack":
      case "ping":
        // The classic tool has no words for these.
        return;
    }
  }

  const link: DirectLink = {
    principal: nodePrincipal(deps.nodeId),
    get remoteAddress() {
      return deps.target().endpoint;
    },
    get isOpen() {
      return isOpen;
    },
    get lastSeenMs() {
      return deps.lastSeenMs();
    },
    send,
    isAlive: deps.probe,
    // The coordinator calls this node itself: it hears nothing that it did not ask for.
    countUseless: () => undefined,
    close: (_, reason) => {
      if (!isOpen) return;
      isOpen = false;
      deps.onClosed(reason);
    },
    isCalling: (key) => deliveries.has(key),
    callCount: () => deliveries.size,
    abandon: (reason) => {
      isOpen = false;
      const left = [...deliveries.values()];
      deliveries.clear();
      for (const { offer, controller } of left) {
        controller.abort();
        if (reason === null) continue;
        const { task, attempt } = offer;
        deps.onFrame(link, { type: "lost", task, attempt, started: true, fenced: false, reason });
      }
    },
  };
  return link;
}

function toRef({ task, attempt }: OfferFrame): AttemptRef {
  return { task, attempt };
}

/** The body of a delivery: what the classic tool takes, in its order. */
export function toDirectMessage(key: AttemptKey, offer: OfferFrame, nowMs: number): DirectMessage {
  return {
    id: key,
    content: offer.content,
    source: offer.source,
    created_at: toIsoTime(nowMs).replace("Z", "000000Z"),
  };
}

function toDirectOffer(offer: OfferFrame): DirectOffer {
  const { timeout_ms, effects, session, untrusted, runtime, prefers } = offer;
  return {
    timeout_ms,
    effects,
    ...(session === undefined ? {} : { session }),
    ...(untrusted === undefined ? {} : { untrusted }),
    ...(runtime === undefined ? {} : { runtime }),
    ...(prefers === undefined ? {} : { prefers }),
  };
}
