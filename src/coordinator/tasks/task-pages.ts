import { nextLoopTurn } from "../../platform/loop-turn.ts";
import { createTurns } from "../../platform/turns.ts";
import { MeshError } from "../../protocol/errors.ts";
import type { TaskId } from "../../protocol/ids.ts";
import type { TaskListing, TaskOutline, TaskQuery, TaskStore } from "../../store/tasks.ts";
import { assertNotRevoked, type Principal } from "../auth/principal.ts";

/** Pages that are read for one token at a time: one, and the others wait in line. */
export const maxPagesPerSubject = 3;

/** Tasks that are read in one turn of the event loop. */
export const pieceTasks = 100;

type Page = Parameters<TaskStore["list"]>[1];

/**
 * Reads pages of tasks, for all callers in one line and in small pieces, with a turn of the event loop between them: however
 * many are asked for, a message that comes in waits for one piece, not for all pages.
 */
export interface TaskPages {
  /** Throws TOO_MANY_REQUESTS when {@link maxPagesPerSubject} are read for this token, or what its revocation says. */
  readonly read: (query: TaskQuery, page: Page, principal: Principal) => Promise<TaskListing>;
}

export function createTaskPages({ list }: Pick<TaskStore, "list">): TaskPages {
  const { inTurn } = createTurns();
  const held = new Map<string, number>();

  /** With the subject's place in line. */
  function take(subject: string): () => void {
    const count = held.get(subject) ?? 0;
    if (count >= maxPagesPerSubject) {
      throw new MeshError(
        "TOO_MANY_REQUESTS",
        `${maxPagesPerSubject} pages of tasks are being read for this token already.`,
        { hint: "Ask for one page after the other.", details: { retry_after_s: 1 } },
      );
    }
    held.set(subject, count + 1);
    return () => {
      const left = (held.get(subject) ?? 1) - 1;
      if (left === 0) held.delete(subject);
      else held.set(subject, left);
    };
  }

  async function readPieces(query: TaskQuery, page: Page, principal: Principal): Promise<TaskListing> {
    const tasks: TaskOutline[] = [];
    let after: TaskId | null = page.after;
    for (;;) {
      const limit = Math.min(pieceTasks, page.limit - tasks.length);
      const piece = await inTurn(async () => {
        assertNotRevoked(principal);
        const read = await list(query, { ...page, after, limit });
        await nextLoopTurn();
        return read;
      });
      tasks.push(...piece.tasks);
      after = piece.next;
      // A short piece has looked at as many records as one page may.
      const isOver = after === null || piece.tasks.length < limit || tasks.length >= page.limit;
      if (isOver) return { tasks, next: after };
    }
  }

  return {
    read: async (query, page, principal) => {
      const leave = take(principal.subject);
      try {
        return await readPieces(query, page, principal);
      } finally {
        leave();
      }
    },
  };
}
