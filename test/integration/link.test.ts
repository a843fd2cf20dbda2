import { afterEach, describe, expect, test } from "bun:test";
import { createMeshClient } from "../../src/client/index.ts";
import {
  createNodeLink,
  type NodeLink,
  type NodeLinkHandlers,
  type NodeLinkOptions,
  refusedRetryMs,
  wakeAnswerMs,
  wakeSpreadMs,
} from "../../src/link/node-link.ts";
import { wakeLookMs } from "../../src/link/wake-watch.ts";
import { systemClock } from "../../src/platform/clock.ts";
import { systemIds } from "../../src/platform/ids.ts";
import { systemRandom } from "../../src/platform/random.ts";
import { MeshError } from "../../src/protocol/errors.ts";
import { contract } from "../../src/protocol/http/contract.ts";
import { closeCodes, type HelloFrame, type WelcomeFrame } from "../../src/protocol/link/v1/frames.ts";
import { Secret } from "../../src/protocol/secret.ts";
import { startLinkCoordinator } from "../support/link-coordinator.ts";
import { createManualClock } from "../support/manual-clock.ts";
import { startTcpProxy } from "../support/tcp-proxy.ts";
import { until } from "../support/until.ts";

const opened: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of opened.splice(0).reverse()) await close();
});

const track = <T extends { stop: (...args: never[]) => unknown }>(part: T): T => {
  opened.push(() => (part.stop as (reason: null) => unknown)(null));
  return part;
};

const fault = new Error("a fault");
const throwFault = () => {
  throw fault;
};

function createHello(): HelloFrame {
  return {
    type: "hello",
    versions: [1],
    software: "test",
    name: "heron",
    instance: systemIds.instance(),
    capabilities: { os: "linux", arch: "amd64", gpu: false, memory_gb: 1, tags: [], skills: [] },
    slots: 1,
    runtimes: [],
    running: [],
    unacknowledged: [],
  };
}

/** A node's end that records what happens to it; `until` waits for the next event of a kind. */
function openLink(
  port: number,
  parts: Partial<NodeLinkOptions> = {},
  handlers: Partial<NodeLinkHandlers> = {},
) {
  const events: { readonly type: string; readonly value: unknown }[] = [];
  const waiters = new Set<{ type: string; resolve: (value: unknown) => void }>();
  const record = (type: string, value: unknown) => {
    const waiter = [...waiters].find((candidate) => candidate.type === type);
    if (waiter === undefined) {
      events.push({ type, value });
      return;
    }
    waiters.delete(waiter);
    waiter.resolve(value);
  };
  const link: NodeLink = createNodeLink({
    url: `ws://127.0.0.1:${port}/api/v1/link`,
    credentials: () => [new Secret("invite")],
    hello: createHello,
    explain: async (token) => {
      const client = createMeshClient({
        baseUrl: `http://127.0.0.1:${port}`,
        token,
        fetch,
        timeoutMs: 2_000,
      });
      return client.call(contract.openLink, {}).then(
        () => new MeshError("INTERNAL", "it answered"),
        (error: unknown) => error as MeshError,
      );
    },
    handlers: {
      onWelcome: (welcome) => record("welcome", welcome),
      onFrames: (frames) => record("frames", frames),
      onDown: (why) => record("down", why),
      onEnded: (error) => record("ended", error),
      onNotAllowed: (error) => record("notAllowed", error),
      onUnreachable: (error) => record("unreachable", error),
      ...handlers,
    },
    clock: systemClock,
    onFault: (error) => record("fault", error),
    random: systemRandom,
    ...parts,
  });
  track(link);
  link.start();
  const until = <T>(type: string): Promise<T> => {
    const at = events.findIndex((event) => event.type === type);
    if (at >= 0) return Promise.resolve(events.splice(at, 1)[0]?.value as T);
    return new Promise<T>((resolve) => waiters.add({ type, resolve: resolve as (value: unknown) => void }));
  };
  return { link, until };
}

describe("the link between node and coordinator", () => {
  test("says hello, is welcomed, and carries frames both ways", async () => {
    const coordinator = track(startLinkCoordinator());
    const node = openLink(coordinator.port);
    const welcome = await node.until<WelcomeFrame>("welcome");
    expect(welcome).toMatchObject({ mesh_id: coordinator.meshId, returning: false });
    const ref = coordinator.offer("hi");
    expect(await node.until<unknown[]>("frames")).toMatchObject([{ type: "offer", content: "hi", ...ref }]);
    node.link.send({ type: "started", ...ref });
    expect(await coordinator.find("started")).toEqual({ type: "started", ...ref });
  });

  test("answers a ping and does not show it", async () => {
    const coordinator = track(startLinkCoordinator());
    const node = openLink(coordinator.port);
    await node.until("welcome");
    expect(await coordinator.link()?.isAlive(5_000)).toBe(true);
  });

  test("is back within 2 s after a coordinator came back on the same address, however long it was away", async () => {
    const clock = createManualClock();
    const first = startLinkCoordinator();
    const node = openLink(first.port, { clock });
    await node.until("welcome");
    await first.stop();
    await node.until("down");
    for (let failures = 1; failures <= 6; failures += 1) {
      clock.advance(2_000);
      await node.until("unreachable");
    }
    const second = track(startLinkCoordinator({ port: first.port, meshId: first.meshId }));
    clock.advance(2_000);
    await node.until("welcome");
    expect(second.hellos.length).toBe(1);
  });

  test("notices a half-open link on both sides and dials again", async () => {
    const coordinator = track(startLinkCoordinator({ beatMs: 100 }));
    const proxy = track(await startTcpProxy(coordinator.port));
    const node = openLink(proxy.port);
    await node.until("welcome");
    proxy.goSilent(true);
    expect(await node.until<{ code: number }>("down")).toMatchObject({ code: closeCodes.silent });
    expect(await coordinator.nextClose()).toMatchObject({ code: closeCodes.silent });
    proxy.goSilent(false);
    await node.until("welcome");
  });

  test("asks a link that slept with this machine at once, and dials anew without a wait when nothing comes", async () => {
    const clock = createManualClock();
    const coordinator = track(startLinkCoordinator());
    const proxy = track(await startTcpProxy(coordinator.port));
    const node = openLink(proxy.port, { clock });
    await node.until("welcome");
    proxy.strand();
    clock.skipWall(8 * 3_600_000);
    clock.advance(wakeLookMs + wakeSpreadMs + wakeAnswerMs);
    expect(await node.until<unknown>("down")).toMatchObject({
      code: closeCodes.silent,
      reason: "no answer to a ping",
    });
    // The clock stands from here on: no backoff and no beat is waited for.
    await node.until("welcome");
    expect(coordinator.hellos.length).toBe(2);
  });

  test("keeps a link that answers after this machine slept", async () => {
    const clock = createManualClock();
    const coordinator = track(startLinkCoordinator());
    const node = openLink(coordinator.port, { clock });
    await node.until("welcome");
    clock.skipWall(60_000);
    clock.advance(wakeLookMs + wakeSpreadMs);
    // The coordinator has this behind the ping, and the node what follows behind the answer to it.
    node.link.send({ type: "goodbye", reason: "not yet" });
    await coordinator.find("goodbye");
    coordinator.offer("are you there?");
    await node.until("frames");
    clock.advance(60_000);
    coordinator.offer("still?");
    await node.until("frames");
    expect(coordinator.hellos.length).toBe(1);
  });

  test("ends a wait for the next dial when this machine wakes", async () => {
    const clock = createManualClock();
    const coordinator = track(startLinkCoordinator());
    let credential = "wrong";
    const node = openLink(coordinator.port, { clock, credentials: () => [new Secret(credential)] });
    await node.until("notAllowed");
    credential = "invite";
    expect(refusedRetryMs).toBeGreaterThan(10 * wakeLookMs);
    clock.skipWall(60_000);
    clock.advance(wakeLookMs + wakeSpreadMs);
    await node.until("welcome");
  });

  test("begins a dial anew that this machine slept through", async () => {
    const clock = createManualClock();
    const coordinator = track(startLinkCoordinator());
    const proxy = track(await startTcpProxy(coordinator.port));
    proxy.goSilent(true);
    const node = openLink(proxy.port, { clock });
    await until("a dial", async () => proxy.connectionCount() > 0);
    proxy.strand();
    proxy.goSilent(false);
    clock.skipWall(60_000);
    clock.advance(wakeLookMs + wakeSpreadMs);
    await node.until("welcome");
    expect(coordinator.hellos.length).toBe(1);
  });

  test("goes on over a slow network", async () => {
    const coordinator = track(startLinkCoordinator());
    const proxy = track(await startTcpProxy(coordinator.port));
    proxy.delay(30);
    const node = openLink(proxy.port);
    await node.until("welcome");
    const ref = coordinator.offer("slowly");
    expect(await node.until<unknown[]>("frames")).toMatchObject([{ type: "offer", ...ref }]);
  });

  test("reconnects after a cut", async () => {
    const coordinator = track(startLinkCoordinator());
    const proxy = track(await startTcpProxy(coordinator.port));
    const node = openLink(proxy.port);
    await node.until("welcome");
    proxy.cut();
    await node.until("down");
    await node.until("welcome");
    expect(coordinator.hellos.length).toBe(2);
  });

  test.each([
    [closeCodes.replaced, "", "NODE_ALREADY_LINKED"],
    [closeCodes.alreadyLinked, "NODE_ALREADY_LINKED", "NODE_ALREADY_LINKED"],
    [closeCodes.removed, "", "NODE_NOT_FOUND"],
    [closeCodes.versionMismatch, "VERSION_UNSUPPORTED", "VERSION_UNSUPPORTED"],
    [closeCodes.alreadyLinked, "NAME_TAKEN: Another node is called heron.", "NAME_TAKEN"],
  ])("does not come back after close code %d %s", async (code, reason, expected) => {
    const clock = createManualClock();
    const coordinator = track(startLinkCoordinator());
    const node = openLink(coordinator.port, { clock });
    await node.until("welcome");
    coordinator.link()?.close(code, reason);
    expect((await node.until<MeshError>("ended")).code).toBe(expected as MeshError["code"]);
    // No dial is planned.
    expect(clock.timerCount()).toBe(0);
  });

  test("tries the next credential when one is refused, before and after the upgrade", async () => {
    const coordinator = track(startLinkCoordinator());
    const node = openLink(coordinator.port, {
      credentials: () => ["void node token", "invite"].map((text) => new Secret(text)),
    });
    await node.until("welcome");
    expect(coordinator.hellos.length).toBe(1);
  });

  test("reports when every credential is refused, and does not hammer", async () => {
    const clock = createManualClock();
    const coordinator = track(startLinkCoordinator());
    const node = openLink(coordinator.port, {
      clock,
      credentials: () => ["a", "b"].map((text) => new Secret(text)),
    });
    expect((await node.until<MeshError>("notAllowed")).code).toBe("TOKEN_INVALID");
    coordinator.tokens.set("a", null);
    clock.advance(refusedRetryMs - 1);
    // The next dial and the watch for a wake are all timers there are.
    expect(clock.timerCount()).toBe(2);
    clock.advance(1);
    await node.until("welcome");
    expect(coordinator.hellos.length).toBe(1);
  });

  test("takes a close with notAllowed as a refusal of the credential", async () => {
    const coordinator = track(startLinkCoordinator());
    coordinator.setHelloAnswer({ code: closeCodes.notAllowed, reason: "INVITE_INVALID" });
    const node = openLink(coordinator.port);
    expect((await node.until<MeshError>("notAllowed")).code).toBe("INVITE_INVALID");
  });

  test("says that a coordinator has no link", async () => {
    const coordinator = track(startLinkCoordinator({ hasLink: false }));
    const node = openLink(coordinator.port);
    expect((await node.until<MeshError>("unreachable")).code).toBe("VERSION_UNSUPPORTED");
  });

  test("says that nobody listens, and keeps trying", async () => {
    const gone = startLinkCoordinator();
    await gone.stop();
    const node = openLink(gone.port);
    expect((await node.until<MeshError>("unreachable")).code).toBe("COORDINATOR_UNREACHABLE");
    expect((await node.until<MeshError>("unreachable")).code).toBe("COORDINATOR_UNREACHABLE");
    track(startLinkCoordinator({ port: gone.port }));
    await node.until("welcome");
  });

  test("closes a link on which the coordinator breaks the protocol, and dials again", async () => {
    const coordinator = track(startLinkCoordinator());
    const node = openLink(coordinator.port);
    await node.until("welcome");
    coordinator.send({ type: "ack", task: "nonsense" as never, attempt: 1 });
    expect(await node.until<{ code: number }>("down")).toMatchObject({ code: closeCodes.protocolError });
    await node.until("welcome");
  });

  const faulty: readonly [string, Partial<Record<"onWelcome" | "onFrames", () => void>>][] = [
    ["on the welcome", { onWelcome: throwFault }],
    ["on frames", { onFrames: throwFault }],
  ];
  test.each(faulty)(
    "closes a link whose handler throws %s, tells, and dials again",
    async (_when, handlers) => {
      const coordinator = track(startLinkCoordinator());
      const node = openLink(coordinator.port, {}, handlers);
      await coordinator.nextHello();
      coordinator.offer("hi");
      expect(await node.until("fault")).toBe(fault);
      expect(await node.until("down")).toMatchObject({ code: 1011, reason: "INTERNAL" });
      expect(await coordinator.nextClose()).toMatchObject({ code: 1011 });
      await coordinator.nextHello();
    },
  );

  test("dials again though a handler throws when it hears of the loss", async () => {
    const coordinator = track(startLinkCoordinator());
    const node = openLink(coordinator.port, {}, { onDown: throwFault });
    await node.until("welcome");
    coordinator.link()?.close(closeCodes.goingAway, "");
    expect(await node.until("fault")).toBe(fault);
    await node.until("welcome");
  });

  test("dials again though there was no hello to say", async () => {
    const coordinator = track(startLinkCoordinator());
    let hellos = 0;
    const node = openLink(coordinator.port, {
      hello: () => {
        hellos += 1;
        if (hellos === 1) throw fault;
        return createHello();
      },
    });
    expect(await node.until("fault")).toBe(fault);
    await node.until("welcome");
  });

  test("says goodbye when it is stopped", async () => {
    const coordinator = track(startLinkCoordinator());
    const node = openLink(coordinator.port);
    await node.until("welcome");
    await node.link.stop("test is over");
    expect(await coordinator.find("goodbye")).toEqual({ type: "goodbye", reason: "test is over" });
    expect(await coordinator.nextClose()).toMatchObject({ code: closeCodes.done });
  });

  test("waits for room when the coordinator reads slowly, and loses nothing", async () => {
    const coordinator = track(startLinkCoordinator());
    const proxy = track(await startTcpProxy(coordinator.port));
    const node = openLink(proxy.port);
    await node.until("welcome");
    const ref = { task: systemIds.task(), attempt: 1 };
    const text = "x".repeat(60_000);
    proxy.goSilent(true);
    let wasHeld = false;
    const pieces = 300;
    for (let index = 0; index < pieces; index += 1) {
      const room = node.link.whenRoom();
      if ((await Promise.race([room, Promise.resolve("held")])) === "held") {
        wasHeld = true;
        proxy.goSilent(false);
      }
      expect(await room).toBe(true);
      node.link.send({ type: "chunk", ...ref, offset: index * text.length, text });
    }
    const last = await coordinator.find("chunk", (frame) => frame.offset === (pieces - 1) * text.length);
    expect(wasHeld).toBe(true);
    expect(last.text.length).toBe(text.length);
    expect(coordinator.frames.filter((frame) => frame.type === "chunk").length).toBe(pieces);
  });
});
