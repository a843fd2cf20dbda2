import type { Log } from "../platform/log.ts";
import { MeshError } from "../protocol/errors.ts";
import { type AttemptKey, toAttemptKey } from "../protocol/ids.ts";
import type { OfferFrame, RefuseFrame } from "../protocol/link/v1/frames.ts";
import type { Runtime } from "../runtimes/runtime.ts";
import type { DisownedAttempts } from "./disowned-attempts.ts";
import type { Journal } from "./journal.ts";
import type { FrameLink } from "./outcome-sender.ts";
import type { RuntimeWatch } from "./runtime-watch.ts";

/** Which runtime takes an offer. */
export type PickedRuntime =
  | { readonly kind: "picked"; readonly runtime: Runtime }
  | { readonly kind: "refused"; readonly reason: RefuseFrame["reason"]; readonly message: string };

export interface OfferIntakeDeps {
  readonly journal: Pick<Journal, "start" | "hasRoom">;
  readonly link: Pick<FrameLink, "send">;
  readonly disowned: DisownedAttempts;
  readonly watch: Pick<RuntimeWatch, "slots" | "pick" | "occupy">;
  readonly inFlight: () => number;
  readonly log: Log;
  /** Answers an offer that came before. @returns false when the attempt is new */
  readonly answerRepeated: (key: AttemptKey, offer: OfferFrame) => boolean;
  /** It is in the journal and told as started. */
  readonly run: (accepted: Accepted) => void;
}

export interface Accepted {
  readonly key: AttemptKey;
  /** Names the runtime that takes it, so that the journal tells. */
  readonly offer: OfferFrame;
  readonly runtime: Runtime;
  /** Gives its slot back; once it has settled. */
  readonly leave: () => void;
}

/** Decides which offers this node takes: offer → refused, or journal → `started` → run. */
export interface OfferIntake {
  /** All offers of one message share one commit. */
  readonly take: (offers: readonly OfferFrame[]) => void;
  /** Refuses all offers, or no longer. */
  readonly setDraining: (isDraining: boolean) => void;
  readonly isDraining: () => boolean;
}

export function createOfferIntake(deps: OfferIntakeDeps): OfferIntake {
  const { journal, link, disowned, watch, log } = deps;
  let isDraining = false;

  /** The runtime for a new offer; null when it was refused. */
  const accept = (key: AttemptKey, offer: OfferFrame, pending: number): Accepted | null => {
    const no = (reason: RefuseFrame["reason"], message: string) => {
      disowned.refuse(offer, reason, message);
      return null;
    };
    if (isDraining) return no("draining", "the node is draining");
    const slots = watch.slots();
    if (deps.inFlight() + pending >= slots) return no("full", `all ${slots} slots are taken`);
    const picked = watch.pick(offer);
    if (picked.kind === "refused") return no(picked.reason, picked.message);
    if (!journal.hasRoom(Buffer.byteLength(offer.content))) {
      return no("journal_full", "too many outcomes wait for their acknowledgement");
    }
    const { runtime } = picked;
    return { key, offer: { ...offer, runtime: runtime.kind }, runtime, leave: watch.occupy(runtime) };
  };

  /** Journals them in one commit, tells, then runs. */
  const begin = (accepted: readonly Accepted[]) => {
    try {
      journal.start(accepted.map(({ offer }) => offer));
    } catch (error) {
      if (!(error instanceof MeshError)) throw error;
      log.error("cannot take work: the journal could not be written", { error: error.cause ?? error });
      for (const { offer, leave } of accepted) {
        leave();
        disowned.refuse(offer, "journal_full", error.message);
      }
      return;
    }
    for (const { offer, runtime } of accepted) {
      link.send({ type: "started", task: offer.task, attempt: offer.attempt, runtime: runtime.kind });
    }
    for (const each of accepted) deps.run(each);
  };

  return {
    take: (offers) => {
      const accepted = new Map<AttemptKey, Accepted>();
      for (const offer of offers) {
        const key = toAttemptKey(offer.task, offer.attempt);
        if (accepted.has(key) || disowned.answer(key) || deps.answerRepeated(key, offer)) continue;
        const each = accept(key, offer, accepted.size);
        if (each !== null) accepted.set(key, each);
      }
      if (accepted.size > 0) begin([...accepted.values()]);
    },
    setDraining: (value) => {
      isDraining = value;
    },
    isDraining: () => isDraining,
  };
}
