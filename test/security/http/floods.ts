import { systemIds } from "../../../src/platform/ids.ts";

const repeated = (frame: object, times: number) => `[${Array(times).fill(JSON.stringify(frame)).join(",")}]`;
const noTask = systemIds.task();
const ref = { task: noTask, attempt: 1 };
const status = {
  type: "status",
  load: { in_flight: 0, cpu: 0, memory: 0 },
  slots: 1,
  runtimes: [],
  recovering: [],
};

/** What a hostile node may send on and on: one message each. */
export const floods: readonly (readonly [string, (round: number) => string])[] = [
  ["answers to pings that nobody sent", () => JSON.stringify([{ type: "pong" }])],
  [
    "statuses hidden behind a beginning of nothing",
    () => `[${JSON.stringify({ type: "started", ...ref })},${repeated(status, 200).slice(1)}`,
  ],
  [
    "unknown frames hidden behind a beginning of nothing",
    () => `[${JSON.stringify({ type: "started", ...ref })},${repeated({ type: "x" }, 10_000).slice(1)}`,
  ],
  [
    "fields that nobody knows in a beginning of nothing",
    () => JSON.stringify([{ type: "started", ...ref, x: Array(200_000).fill(1) }]),
  ],
  ["empty messages", () => "[]"],
  ["frames of an unknown type", () => JSON.stringify([{ type: "nothing" }])],
  [
    "large frames of an unknown type",
    () => JSON.stringify([{ type: "nothing", text: "x".repeat(1_000_000) }]),
  ],
  ["a hundred thousand unknown frames in a message", () => repeated({ type: "x" }, 100_000)],
  [
    "changes of its tags",
    (round) => JSON.stringify([{ type: "capabilities", capabilities: capabilities(round) }]),
  ],
  ["pieces of answers to nothing", () => repeated({ type: "chunk", ...ref, offset: 0, text: "x" }, 100)],
  [
    "large pieces of answers to nothing",
    () => repeated({ type: "chunk", ...ref, offset: 0, text: "x".repeat(60_000) }, 60),
  ],
  ["beginnings of nothing", () => repeated({ type: "started", ...ref }, 100)],
  ["refusals of nothing", () => repeated({ type: "refuse", ...ref, reason: "full", message: "x" }, 100)],
  ["answers to nothing", () => repeated({ type: "result", ...ref, length: 1, text: "x" }, 100)],
  [
    "failures of nothing",
    () => repeated({ type: "lost", ...ref, started: true, fenced: true, reason: "x" }, 100),
  ],
  ["statuses", () => JSON.stringify([status])],
];

function capabilities(round: number) {
  return { os: "linux", arch: "amd64", gpu: false, memory_gb: 1, tags: [`tag-${round}`], skills: [] };
}
