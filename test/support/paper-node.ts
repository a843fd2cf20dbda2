import { adminPrincipal } from "../../src/coordinator/auth/principal.ts";
import type { LinkToNode } from "../../src/coordinator/nodes/mesh-node.ts";
import { type AttemptKey, type NodeId, type TaskId, toAttemptKey } from "../../src/protocol/ids.ts";
import type {
  CoordinatorFrame,
  HelloFrame,
  NodeFrame,
  OfferFrame,
} from "../../src/protocol/link/v1/frames.ts";
import { nextInstance, toHello } from "./fake-node.ts";

/** The coordinator's end of links, as `createNodeLinks` makes it. */
export interface LinkHandlers {
  readonly onFrames: (link: LinkToNode, frames: readonly NodeFrame[]) => void;
  readonly onClosed: (
    link: LinkToNode,
    why: { readonly code: number; readonly reason: string },
    unsent: readonly CoordinatorFrame[],
  ) => void;
}

/** An attempt in the node's journal. */
export interface HeldAttempt {
  readonly offer: OfferFrame;
  state: "held" | "started" | "ended";
  /** Told again until it is acknowledged. */
  outcome: NodeFrame | null;
  isStopWanted: boolean;
}

/** One call of a runtime. */
export interface Execution {
  readonly task: TaskId;
  readonly attempt: number;
  isNothingDone: boolean;
}

/**
 * A node agent without a socket, a runtime or a will of its own: it keeps a journal as a real one does, and starts and
 * ends its attempts when told. What it is told never breaks the rules of the link protocol, only its timing does.
 */
export class PaperNode {
  readonly name: string;
  readonly executions: Execution[] = [];
  nodeId: NodeId | null = null;
  /** Nothing reaches it, and nothing it says arrives, though its link is open. */
  isCutOff = false;
  readonly #slots: number;
  readonly #journal = new Map<AttemptKey, HeldAttempt>();
  readonly #disowned = new Set<AttemptKey>();
  /** Everything it ever said of attempts, to be said again. */
  readonly #said: NodeFrame[] = [];
  #instance = nextInstance();
  #link: LinkToNode | null = null;
  #handlers: LinkHandlers | null = null;
  #isWelcome = false;

  constructor(name: string, slots: number) {
    this.name = name;
    this.#slots = slots;
  }

  get isLinked(): boolean {
    return this.#isWelcome && this.#link?.isOpen === true && !this.isCutOff;
  }

  get journal(): readonly HeldAttempt[] {
    return [...this.#journal.values()];
  }

  connect(handlers: LinkHandlers): void {
    if (this.#link?.isOpen === true) return;
    this.#handlers = handlers;
    this.#isWelcome = false;
    this.isCutOff = false;
    const link = this.#createLink(handlers);
    this.#link = link;
    const running = this.journal.filter(({ state }) => state !== "ended");
    const unacknowledged = this.journal.filter(({ state }) => state === "ended");
    const hello = toHello({
      name: this.name as HelloFrame["name"],
      slots: this.#slots,
      instance: this.#instance,
      ...(this.nodeId === null ? {} : { node_id: this.nodeId }),
      running: running.map(({ offer }) => ({
        task: offer.task,
        attempt: offer.attempt,
        offset: 0,
        started_at: "2026-01-01T00:00:00.000Z",
      })),
      unacknowledged: unacknowledged.map(({ offer }) => ({ task: offer.task, attempt: offer.attempt })),
    });
    handlers.onFrames(link, [hello]);
  }

  /** The link closes; what was on its way is gone. */
  disconnect(): void {
    this.#link?.close(1006, "cut");
  }

  /** The coordinator's process is gone, and the link with it, without a word. */
  abandon(): void {
    this.#link = null;
    this.#isWelcome = false;
  }

  /** The agent dies and will come back as another process: the runtime cannot find its runs again. */
  die(): void {
    this.disconnect();
    this.#instance = nextInstance();
    for (const held of this.journal) {
      if (held.state !== "ended") this.#end(held, lostFrame(held.offer, held.state === "started"));
    }
  }

  /** Calls the runtime. @returns the call, or null when the attempt cannot be started now */
  start(held: HeldAttempt): Execution | null {
    if (held.state !== "held" || !this.isLinked) return null;
    held.state = "started";
    const execution = { task: held.offer.task, attempt: held.offer.attempt, isNothingDone: false };
    this.executions.push(execution);
    this.#say({ type: "started", ...refOf(held.offer) });
    return execution;
  }

  end(held: HeldAttempt, outcome: (offer: OfferFrame) => NodeFrame): void {
    if (held.state !== "started") return;
    const frame = outcome(held.offer);
    const { task, attempt } = held.offer;
    const failure = frame.type === "failed" ? frame.failure : null;
    // A runtime that refuses says so before it does anything.
    const isNothingDone = failure?.nothing_done === true || failure?.class === "refused";
    for (const run of this.executions) {
      if (run.task === task && run.attempt === attempt) run.isNothingDone = isNothingDone;
    }
    this.#end(held, frame);
  }

  refuse(held: HeldAttempt): void {
    if (held.state !== "held" || !this.isLinked) return;
    const key = keyOf(held.offer);
    this.#journal.delete(key);
    this.#disowned.add(key);
    this.#say({ type: "refuse", ...refOf(held.offer), reason: "full", message: "it is full" });
  }

  /** Says again what it said before, whatever has happened since. */
  repeat(which: number): void {
    const frame = this.#said[which % Math.max(1, this.#said.length)];
    if (frame !== undefined) this.#send(frame);
  }

  #createLink(handlers: LinkHandlers): LinkToNode {
    let isOpen = true;
    const link: LinkToNode = {
      principal: adminPrincipal,
      remoteAddress: this.name,
      get isOpen() {
        return isOpen;
      },
      lastSeenMs: 0,
      send: (frame) => {
        if (isOpen && this.#link === link && !this.isCutOff) this.#take(frame);
      },
      isAlive: async () => false,
      countUseless: () => undefined,
      close: (code, reason) => {
        if (!isOpen) return;
        isOpen = false;
        this.#isWelcome = false;
        if (this.#handlers === handlers) handlers.onClosed(link, { code, reason }, []);
      },
    };
    return link;
  }

  #take(frame: CoordinatorFrame): void {
    switch (frame.type) {
      case "welcome":
        this.nodeId = frame.node_id;
        this.#isWelcome = true;
        for (const ref of frame.resume) if (!this.#journal.has(keyOf(ref))) this.#disown(ref);
        for (const { outcome } of this.journal) if (outcome !== null) this.#say(outcome);
        return;
      case "offer":
        this.#takeOffer(frame);
        return;
      case "cancel":
        this.#takeCancel(this.#journal.get(keyOf(frame)));
        return;
      case "ack":
        this.#journal.delete(keyOf(frame));
        return;
      default:
        return;
    }
  }

  #takeOffer(offer: OfferFrame): void {
    const key = keyOf(offer);
    const held = this.#journal.get(key);
    if (held?.outcome !== undefined && held.outcome !== null) this.#say(held.outcome);
    else if (held?.state === "started") this.#say({ type: "started", ...refOf(offer) });
    else if (this.#disowned.has(key)) this.#say(lostFrame(offer, false));
    else if (held === undefined)
      this.#journal.set(key, { offer, state: "held", outcome: null, isStopWanted: false });
  }

  #takeCancel(held: HeldAttempt | undefined): void {
    if (held === undefined) return;
    if (held.state === "started") held.isStopWanted = true;
    else if (held.state === "held") this.#end(held, { type: "cancelled", ...refOf(held.offer) });
  }

  #disown(ref: { readonly task: TaskId; readonly attempt: number }): void {
    this.#disowned.add(keyOf(ref));
    this.#say(lostFrame(ref, false));
  }

  #end(held: HeldAttempt, outcome: NodeFrame): void {
    held.state = "ended";
    held.outcome = outcome;
    this.#say(outcome);
  }

  #say(frame: NodeFrame): void {
    this.#said.push(frame);
    this.#send(frame);
  }

  /** Arrives in a later turn, if the link is still there. */
  #send(frame: NodeFrame): void {
    const link = this.#link;
    const handlers = this.#handlers;
    if (link === null || handlers === null || !this.isLinked) return;
    setImmediate(() => {
      if (this.#link === link && link.isOpen && !this.isCutOff) handlers.onFrames(link, [frame]);
    });
  }
}

function keyOf({ task, attempt }: { readonly task: TaskId; readonly attempt: number }): AttemptKey {
  return toAttemptKey(task, attempt);
}

function refOf({ task, attempt }: { readonly task: TaskId; readonly attempt: number }) {
  return { task, attempt };
}

function lostFrame(ref: { readonly task: TaskId; readonly attempt: number }, started: boolean): NodeFrame {
  return { type: "lost", ...refOf(ref), started, fenced: !started, reason: "the agent has lost it" };
}
