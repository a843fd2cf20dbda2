import type { OnFault } from "../platform/fault.ts";
import type { ScheduleTurn } from "../platform/loop-turn.ts";
import type { AttemptRun } from "./attempt-run.ts";
import type { FrameLink } from "./outcome-sender.ts";

/**
 * Previews of running attempts: what a run gained in one loop turn goes as one piece, and while the link is full pieces
 * go on merging. A run that settles first is never previewed.
 */
export interface ChunkSender {
  /** The run has text that the coordinator lacks. */
  readonly mark: (run: AttemptRun) => void;
  /** The run has settled: its result says it all. */
  readonly drop: (run: AttemptRun) => void;
}

export function createChunkSender(deps: {
  readonly link: FrameLink;
  readonly scheduleTurn: ScheduleTurn;
  /** A preview could not be sent. */
  readonly onFault: OnFault;
}): ChunkSender {
  const { link, scheduleTurn, onFault } = deps;
  const marked = new Set<AttemptRun>();
  let isScheduled = false;

  const flush = async () => {
    // Rounds end when nothing is marked; a link that is down takes nothing, and a new one marks again.
    for (let run = first(marked); run !== null; run = first(marked)) {
      if (!link.isUp() || !(await link.whenRoom())) {
        marked.clear();
        break;
      }
      // Another run may have settled while this waited for room.
      if (!marked.delete(run)) continue;
      for (const { offset, text } of run.text.takeChunks()) {
        link.send({ type: "chunk", ...run.ref, offset, text });
      }
    }
  };

  const schedule = () => {
    isScheduled = true;
    scheduleTurn(() => {
      void flush()
        .catch(onFault)
        .finally(() => {
          isScheduled = false;
          if (marked.size > 0) schedule();
        });
    });
  };

  return {
    mark: (run) => {
      if (!link.isUp()) return;
      marked.add(run);
      if (isScheduled) return;
      schedule();
    },
    drop: (run) => {
      marked.delete(run);
    },
  };
}

function first<T>(set: ReadonlySet<T>): T | null {
  for (const entry of set) return entry;
  return null;
}
