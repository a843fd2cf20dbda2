import type { TaskMessage } from "../../domain/tasks/task.ts";
import { MeshError } from "../../protocol/errors.ts";
import { adminPrincipal } from "../auth/principal.ts";
import type { LiveTask } from "./live-task.ts";

/** Messages that wait at most: for a slot, for a node that fits, or for their time. Beyond it: QUEUE_FULL. */
export const maxWaiting = 10_000;

/** Characters of all messages that wait, with their labels and all, at most; they are held in memory. */
export const maxWaitingLength = 256 * 1024 * 1024;

/**
 * What a message for which a node is free may take beyond both limits, while it lets those go that were there before: else
 * a crowd that waits for something quite different would keep it out.
 */
export const shareBehind = 0.1;

/** Whose messages may take all the room: the owner's. */
const unlimitedSubject = adminPrincipal.subject;

/** More than one token's messages can take by claims: they got there by grants. */
const mostClaimed = (1 + shareBehind) / 2;

/**
 * Counts the messages that wait, and those that will when their commit is done. Those of one token take no more room than
 * they leave, in number and characters: half of all when no other wait, and whoever comes later finds some, too. The admin
 * token may take all.
 */
export interface WaitingAllowance {
  readonly size: () => number;
  /** For a new message. `isBehind`: a node is free for it, and others go first. Throws QUEUE_FULL. */
  readonly claim: (one: LiveTask, how?: { readonly isBehind: boolean }) => void;
  /**
   * For a new message that a node takes at once. Throws QUEUE_FULL when its token's messages have taken more than any may claim:
   * those that went to a node and have to be tried again are not turned away, but no more follow them.
   */
  readonly assertNoExcess: (one: LiveTask) => void;
  /** For one that was accepted long ago: it is not turned away, whatever the limit says. Without effect on one that has a place. */
  readonly grant: (one: LiveTask) => void;
  /** Without effect on one that has no place. */
  readonly giveBack: (one: LiveTask) => void;
}

export function createWaitingAllowance(): WaitingAllowance {
  let count = 0;
  let length = 0;
  const shares = new Map<string, Share>();

  /** Throws when one token's messages would take more than they leave. */
  function assertShare({ task: { message }, placeOf }: LiveTask, factor: number): void {
    const share = shares.get(placeOf);
    if (share === undefined || placeOf === unlimitedSubject) return;
    if (share.count >= maxWaiting * factor - count) throw tooManyOfToken(share);
    const added = lengthOf(message);
    if (share.length + added > maxWaitingLength * factor - length - added) throw tooLongOfToken(share);
  }

  function assertNoExcess({ placeOf }: LiveTask): void {
    const share = shares.get(placeOf);
    if (share === undefined || placeOf === unlimitedSubject) return;
    if (share.count > maxWaiting * mostClaimed) throw tooManyOfToken(share);
    if (share.length > maxWaitingLength * mostClaimed) throw tooLongOfToken(share);
  }

  function assertRoom(one: LiveTask, isBehind: boolean): void {
    const { message } = one.task;
    const factor = isBehind ? 1 + shareBehind : 1;
    if (count >= maxWaiting * factor) {
      throw new MeshError("QUEUE_FULL", `${count} messages wait already: no more may.`);
    }
    if (length + lengthOf(message) > maxWaitingLength * factor) {
      throw new MeshError(
        "QUEUE_FULL",
        `The ${count} messages that wait already have ${inMi(length)} Mi characters: with this one they would have more than ${inMi(maxWaitingLength)} Mi.`,
      );
    }
    assertShare(one, factor);
  }

  function change({ task: { message }, placeOf }: LiveTask, by: 1 | -1): void {
    const added = by * lengthOf(message);
    count += by;
    length += added;
    const share = shares.get(placeOf) ?? { count: 0, length: 0 };
    if (share.count + by === 0) shares.delete(placeOf);
    else shares.set(placeOf, { count: share.count + by, length: share.length + added });
  }

  function grant(one: LiveTask): void {
    if (one.hasPlace) return;
    one.hasPlace = true;
    change(one, 1);
  }

  return {
    size: () => count,
    claim: (one, how) => {
      assertRoom(one, how?.isBehind === true);
      grant(one);
    },
    assertNoExcess,
    grant,
    giveBack: (one) => {
      if (!one.hasPlace) return;
      one.hasPlace = false;
      change(one, -1);
    },
  };
}

/** What one token's messages take. */
interface Share {
  readonly count: number;
  readonly length: number;
}

function tooManyOfToken({ count }: Share): MeshError {
  return ownShareFull(`${count} messages of this token wait already`);
}

function tooLongOfToken({ count, length }: Share): MeshError {
  return ownShareFull(
    `The ${count} messages of this token that wait already have ${inMi(length)} Mi characters`,
  );
}

function ownShareFull(problem: string): MeshError {
  return new MeshError("QUEUE_FULL", `${problem}: it may have no more than it leaves to others.`, {
    hint: "Try again when some of them have gone, or cancel some.",
  });
}

function inMi(characters: number): number {
  return Math.floor(characters / (1024 * 1024));
}

/** What a client may make long. */
function lengthOf({ content, labels, requires, session }: TaskMessage): number {
  let length = content.length + (session?.length ?? 0);
  for (const key in labels) length += key.length + (labels[key]?.length ?? 0);
  for (const need in requires) {
    const value = requires[need as keyof typeof requires];
    if (typeof value === "string") length += value.length;
    else if (Array.isArray(value)) for (const word of value) length += word.length;
  }
  return length;
}
