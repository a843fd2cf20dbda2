import { sha256Hex } from "../platform/hash.ts";
import { createSeededRandom } from "../platform/random.ts";
import type { Effects } from "../protocol/message.ts";

/** How a task is sent: queued, or by a call that waits for the answer, whole or streamed. */
export type SendKind = "queue" | "route" | "stream";

/** What one task is and how it is sent; all of it follows from the seed and the number of the task. */
export interface PlannedTask {
  readonly index: number;
  readonly content: string;
  readonly idempotencyKey: string;
  readonly send: SendKind;
  readonly effects: Effects;
  readonly priority: number;
  readonly source: string;
  /** It is sent twice although nothing went wrong. */
  readonly isRepeated: boolean;
  /** How long the runtime works on it when nothing is wrong there. */
  readonly runMs: number;
}

export interface LoadPlan {
  readonly seed: number;
  /** From 0 to 1. */
  readonly safeShare: number;
}

const routeShare = 0.04;
const streamShare = 0.03;
const repeatShare = 0.01;
const slowShare = 0.01;
const sources = 8;

/** Every source of a run begins so. */
export const sourcePrefix = "lab:";

export function planTask(plan: LoadPlan, index: number): PlannedTask {
  const random = createSeededRandom(plan.seed ^ Math.imul(index + 1, 0x9e3779b1));
  const way = random.next();
  return {
    index,
    content: toContent(plan.seed, index),
    idempotencyKey: `lab-${plan.seed}-${index}`,
    send: way < routeShare ? "route" : way < routeShare + streamShare ? "stream" : "queue",
    effects: random.next() < plan.safeShare ? "safe" : "unsafe",
    priority: random.next() < 0.7 ? 5 : Math.floor(random.next() * 10),
    source: `${sourcePrefix}${Math.floor(random.next() * sources)}`,
    isRepeated: random.next() < repeatShare,
    runMs: random.next() < slowShare ? 500 + random.next() * 2500 : 1 + random.next() * 39,
  };
}

const marker = /^lab task (\d+)\/(\d+):/;

function toContent(seed: number, index: number): string {
  return `lab task ${index}/${seed}: count the words of ${sha256Hex(`${seed}/${index}`).slice(0, 16)}`;
}

/** The number of the task whose content, or its beginning, this is; null: not one of this run. */
export function indexOfContent(content: string, seed: number): number | null {
  const found = marker.exec(content);
  return found !== null && Number(found[2]) === seed ? Number(found[1]) : null;
}

/** The one right answer; no part of it can be taken for the whole. */
export function answerTo(content: string): string {
  const digest = sha256Hex(content);
  return `The answer to "${content}" is ${digest.slice(0, 24)}, and this is its end (${digest.slice(24, 32)}).`;
}
