/** The dialing end on a clock that stands, with scripted connections: what follows a wake, to the millisecond. */
import { describe, expect, test } from "bun:test";
import { createManualClock } from "../../test/support/manual-clock.ts";
import type { Random } from "../platform/random.ts";
import { MeshError } from "../protocol/errors.ts";
import { MeshId, NodeId } from "../protocol/ids.ts";
import { Secret } from "../protocol/secret.ts";
import { firstBackoffMs } from "./backoff.ts";
import type { DialEvents } from "./dial-socket.ts";
import { encodeFrame, joinFrames } from "./frame-codec.ts";
import { createNodeLink, longestWakeAnswerMs, wakeAnswerMs, wakeSpreadMs } from "./node-link.ts";
import { wakeLookMs } from "./wake-watch.ts";

const welcome = joinFrames([
  encodeFrame({
    type: "welcome",
    version: 1,
    mesh_id: MeshId.parse(`mesh_${"0".repeat(32)}`),
    node_id: NodeId.parse(`node_${"0".repeat(32)}`),
    name: "heron",
    software: "test",
    returning: false,
    beat_ms: 60_000,
    backoff_cap_ms: 2_000,
    resume: [],
  }),
]);

/** Lets what was promised happen; no time passes. */
const settle = () => new Promise<void>((resolve) => setImmediate(resolve));

/** @param spread share of {@link wakeSpreadMs}, and of every backoff, that is waited */
async function openWorld({
  spread = 0,
  explain,
}: {
  readonly spread?: number;
  readonly explain?: () => Promise<MeshError>;
} = {}) {
  const clock = createManualClock();
  const startedAtMs = clock.monotonicMs();
  const random: Random = { next: () => spread };
  const dials: { readonly events: DialEvents; readonly pings: string[]; isOpen: boolean }[] = [];
  const downs: number[] = [];
  const link = createNodeLink({
    url: "ws://127.0.0.1:1/api/v1/link",
    credentials: () => [new Secret("invite")],
    hello: () => ({
      type: "hello",
      versions: [1],
      software: "test",
      name: "heron",
      instance: "0".repeat(32),
      capabilities: { os: "linux", arch: "amd64", gpu: false, memory_gb: 1, tags: [], skills: [] },
      slots: 1,
      runtimes: [],
      running: [],
      unacknowledged: [],
    }),
    explain: explain ?? (async () => new MeshError("COORDINATOR_UNREACHABLE", "nobody")),
    handlers: {
      onWelcome: () => {},
      onFrames: () => {},
      onDown: () => downs.push(clock.monotonicMs()),
      onEnded: () => {},
      onNotAllowed: () => {},
      onUnreachable: () => {},
    },
    onFault: (error) => {
      throw error;
    },
    clock,
    random,
    scheduleTurn: queueMicrotask,
    createSocket: (_, events) => {
      const dial = { events, pings: [] as string[], isOpen: false };
      dials.push(dial);
      return {
        send: () => {},
        isOpen: () => dial.isOpen,
        bufferedBytes: () => 0,
        close: () => {},
        ping: (payload) => dial.pings.push(payload),
        terminate: () => {},
      };
    },
  });
  link.start();
  const last = () => {
    const dial = dials.at(-1);
    if (dial === undefined) throw new Error("nobody has dialed");
    return dial;
  };
  return {
    clock,
    dials,
    downs,
    last,
    /** The dial gets through, and its hello is answered after so long. */
    connect: async (roundTripMs = 0) => {
      const dial = last();
      dial.isOpen = true;
      dial.events.onOpen();
      clock.advance(roundTripMs);
      dial.events.onMessage(welcome);
      await settle();
    },
    drop: async () => {
      last().isOpen = false;
      last().events.onClose(1006, "");
      await settle();
    },
    /** The machine slept, and its wake is noticed. */
    sleep: async () => {
      clock.skipWall(3_600_000);
      clock.advance(wakeLookMs - ((clock.monotonicMs() - startedAtMs) % wakeLookMs));
      await settle();
    },
    pass: async (ms: number) => {
      clock.advance(ms);
      await settle();
    },
  };
}

describe("a link that slept with its machine", () => {
  test.each([
    [0, wakeAnswerMs],
    [200, wakeAnswerMs],
    [600, 1_800],
    [5_000, longestWakeAnswerMs],
  ])("with a round trip of %d ms has %d ms to answer", async (roundTripMs, limitMs) => {
    const world = await openWorld();
    await world.connect(roundTripMs);
    await world.sleep();
    await world.pass(0);
    expect(world.last().pings).toEqual(["1"]);
    await world.pass(limitMs - 1);
    expect(world.downs).toEqual([]);
    await world.pass(1);
    expect(world.downs).toHaveLength(1);
  });

  test("is measured by its last answer to a ping", async () => {
    const world = await openWorld();
    await world.connect();
    await world.sleep();
    await world.pass(900);
    world.last().events.onPong("1");
    await world.sleep();
    await world.pass(3 * 900 - 1);
    expect(world.downs).toEqual([]);
  });

  test("does not live by an answer to an earlier ping, which lay in the buffers", async () => {
    const world = await openWorld();
    await world.connect();
    await world.sleep();
    await world.pass(0);
    world.last().events.onPong("1");
    await world.sleep();
    await world.pass(0);
    world.last().events.onPong("1");
    await world.pass(wakeAnswerMs);
    expect(world.downs).toHaveLength(1);
  });

  test("ends like any other once it has answered: the next dial waits", async () => {
    const world = await openWorld();
    await world.connect();
    await world.sleep();
    await world.pass(0);
    world.last().events.onPong("1");
    await settle();
    await world.drop();
    expect(world.dials).toHaveLength(1);
    await world.pass(firstBackoffMs);
    expect(world.dials).toHaveLength(2);
  });

  test("is dialed anew without a wait when it does not answer", async () => {
    const world = await openWorld();
    await world.connect();
    await world.sleep();
    await world.pass(wakeAnswerMs);
    expect(world.dials).toHaveLength(2);
  });
});

describe("machines that wake together", () => {
  test("wait a part of the spread each before they ask", async () => {
    const world = await openWorld({ spread: 0.5 });
    await world.connect();
    await world.sleep();
    await world.pass(wakeSpreadMs / 2 - 1);
    expect(world.last().pings).toEqual([]);
    await world.pass(1);
    expect(world.last().pings).toEqual(["1"]);
  });

  test("wait a part of the spread before they dial, also when their links are reset meanwhile", async () => {
    const world = await openWorld({ spread: 0.5 });
    await world.connect();
    await world.sleep();
    await world.drop();
    await world.pass(wakeSpreadMs / 2 - 1);
    expect(world.dials).toHaveLength(1);
    await world.pass(1);
    expect(world.dials).toHaveLength(2);
  });
});

describe("a wait for the next dial", () => {
  test("begins from the start after a wake", async () => {
    const world = await openWorld();
    for (let at = 0; at < 5; at += 1) {
      await world.drop();
      await world.pass(2_000);
    }
    expect(world.dials).toHaveLength(6);
    await world.drop();
    await world.sleep();
    await world.pass(0);
    expect(world.dials).toHaveLength(7);
    await world.drop();
    await world.pass(firstBackoffMs / 2);
    expect(world.dials).toHaveLength(8);
  });

  test("is not begun twice by an explanation that comes after the next dial", async () => {
    const answers: ((error: MeshError) => void)[] = [];
    const world = await openWorld({ explain: () => new Promise((resolve) => answers.push(resolve)) });
    await world.drop();
    await world.sleep();
    await world.pass(0);
    expect(world.dials).toHaveLength(2);
    answers[0]?.(new MeshError("COORDINATOR_UNREACHABLE", "nobody"));
    await settle();
    await world.pass(firstBackoffMs);
    expect(world.dials).toHaveLength(2);
  });
});
