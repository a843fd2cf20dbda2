import type { CoordinatorLink } from "../../src/link/coordinator-link.ts";
import { createLinkServer } from "../../src/link/link-server.ts";
import { systemClock } from "../../src/platform/clock.ts";
import { createSecret, systemIds } from "../../src/platform/ids.ts";
import type { AttemptNumber, MeshId, NodeId, TaskId } from "../../src/protocol/ids.ts";
import {
  type CoordinatorFrame,
  closeCodes,
  type HelloFrame,
  type NodeFrame,
  type OfferFrame,
  type WelcomeFrame,
} from "../../src/protocol/link/v1/frames.ts";

type FrameOf<Type extends NodeFrame["type"]> = Extract<NodeFrame, { type: Type }>;

/**
 * The smallest coordinator that a node agent can talk to: the real link server, a mesh id, tokens, and a record of all
 * that nodes said. It decides nothing: the test does.
 */
export interface LinkCoordinator {
  readonly meshId: MeshId;
  readonly port: number;
  readonly url: string;
  readonly linkUrl: string;
  /** Tokens that open the link; the value is the node they belong to, null for an invite or admin token. */
  readonly tokens: Map<string, NodeId | null>;
  readonly frames: NodeFrame[];
  readonly hellos: HelloFrame[];
  readonly closes: { readonly code: number; readonly reason: string }[];
  /** Changes what the next welcomes say. */
  readonly setWelcome: (parts: Partial<WelcomeFrame>) => void;
  /** Closes every later link right after its hello, instead of a welcome. */
  readonly setHelloAnswer: (close: { readonly code: number; readonly reason: string } | null) => void;
  readonly link: () => CoordinatorLink<string> | null;
  readonly send: (frame: CoordinatorFrame) => void;
  readonly offer: (content: string, parts?: Partial<OfferFrame>) => { task: TaskId; attempt: AttemptNumber };
  /** The first frame so far, or the next one, that fits; each frame is found once. */
  readonly find: <Type extends NodeFrame["type"]>(
    type: Type,
    fits?: (frame: FrameOf<Type>) => boolean,
  ) => Promise<FrameOf<Type>>;
  /** Later finds see only frames that are yet to come. */
  readonly forget: () => void;
  readonly nextHello: () => Promise<HelloFrame>;
  readonly nextClose: () => Promise<{ readonly code: number; readonly reason: string }>;
  readonly stop: () => Promise<void>;
}

export interface LinkCoordinatorOptions {
  readonly port?: number;
  readonly meshId?: MeshId;
  readonly tokens?: Iterable<readonly [string, NodeId | null]>;
  readonly beatMs?: number;
  /** false: `/api/v1/link` is 404, as on a coordinator without links. */
  readonly hasLink?: boolean;
}

const limitMs = 10_000;

async function within<T>(what: string, promise: Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>();
  const cancel = systemClock.after(limitMs, () => late.reject(new Error(`no ${what} within ${limitMs} ms`)));
  try {
    return await Promise.race([promise, late.promise]);
  } finally {
    cancel();
  }
}

/** A list that is read in order by those who wait for its next entry. */
function createMailbox<Entry>() {
  const entries: Entry[] = [];
  const waiters: ((entry: Entry) => void)[] = [];
  return {
    put: (entry: Entry) => {
      const waiter = waiters.shift();
      if (waiter === undefined) entries.push(entry);
      else waiter(entry);
    },
    next: (what: string): Promise<Entry> => {
      const entry = entries.shift();
      if (entry !== undefined) return Promise.resolve(entry);
      return within(what, new Promise((resolve) => waiters.push(resolve)));
    },
  };
}

export function startLinkCoordinator(options: LinkCoordinatorOptions = {}): LinkCoordinator {
  const meshId = options.meshId ?? systemIds.mesh();
  const tokens = new Map(options.tokens ?? [["invite", null]]);
  const frames: NodeFrame[] = [];
  const hellos: HelloFrame[] = [];
  const closes: { code: number; reason: string }[] = [];
  const helloBox = createMailbox<HelloFrame>();
  const closeBox = createMailbox<{ code: number; reason: string }>();
  const unread = new Set<NodeFrame>();
  const finders = new Set<(frame: NodeFrame) => boolean>();
  let welcomeParts: Partial<WelcomeFrame> = {};
  let helloAnswer: { code: number; reason: string } | null = null;
  let link: CoordinatorLink<string> | null = null;

  const welcome = (from: CoordinatorLink<string>, hello: HelloFrame): WelcomeFrame => {
    const known = tokens.get(from.principal) ?? null;
    const nodeId = known ?? systemIds.node();
    const token = known === null ? createSecret() : null;
    if (token !== null) tokens.set(token, nodeId);
    return {
      type: "welcome",
      version: 1,
      mesh_id: meshId,
      node_id: nodeId,
      name: hello.name,
      ...(token === null ? {} : { token }),
      software: "test",
      returning: known !== null,
      beat_ms: options.beatMs ?? 60_000,
      backoff_cap_ms: 2_000,
      resume: [],
      ...welcomeParts,
    };
  };

  const links = createLinkServer<string>({
    clock: systemClock,
    beatMs: () => options.beatMs ?? 60_000,
    handlers: {
      onFrames: (from, received) => {
        for (const frame of received) {
          frames.push(frame);
          if (frame.type === "hello") {
            hellos.push(frame);
            if (helloAnswer !== null) {
              from.close(helloAnswer.code, helloAnswer.reason);
              return;
            }
            link = from;
            from.send(welcome(from, frame));
            helloBox.put(frame);
            continue;
          }
          const finder = [...finders].find((candidate) => candidate(frame));
          if (finder === undefined) unread.add(frame);
          else finders.delete(finder);
        }
      },
      onClosed: (from, why) => {
        if (link === from) link = null;
        closes.push(why);
        closeBox.put(why);
      },
    },
  });

  const server = Bun.serve({
    port: options.port ?? 0,
    hostname: "127.0.0.1",
    fetch: (request, server) => {
      const { pathname } = new URL(request.url);
      if (pathname === "/healthz") {
        return Response.json({ status: "ok", mesh_id: meshId, version: "test" });
      }
      if (pathname !== "/api/v1/link" || options.hasLink === false) {
        return refusal(404, "ROUTE_NOT_FOUND");
      }
      const token = request.headers.get("authorization")?.slice("Bearer ".length) ?? "";
      if (!tokens.has(token)) return refusal(401, "TOKEN_INVALID");
      if (server.upgrade(request, { data: links.dataFor(token, "test") })) return undefined;
      return refusal(426, "UPGRADE_REQUIRED");
    },
    websocket: links.websocket,
  });
  links.start();

  const send = (frame: CoordinatorFrame) => {
    if (link === null) throw new Error("no node is linked");
    link.send(frame);
  };

  return {
    meshId,
    port: server.port ?? 0,
    url: `http://127.0.0.1:${server.port}`,
    linkUrl: `ws://127.0.0.1:${server.port}/api/v1/link`,
    tokens,
    frames,
    hellos,
    closes,
    setWelcome: (parts) => {
      welcomeParts = parts;
    },
    setHelloAnswer: (answer) => {
      helloAnswer = answer;
    },
    link: () => link,
    send,
    offer: (content, parts = {}) => {
      const frame: OfferFrame = {
        type: "offer",
        task: systemIds.task(),
        attempt: 1,
        content,
        source: "test",
        effects: "unsafe",
        timeout_ms: 60_000,
        ...parts,
      };
      send(frame);
      return { task: frame.task, attempt: frame.attempt };
    },
    find: <Type extends NodeFrame["type"]>(type: Type, fits?: (frame: FrameOf<Type>) => boolean) => {
      const isWanted = (frame: NodeFrame): frame is FrameOf<Type> =>
        frame.type === type && (fits === undefined || fits(frame as FrameOf<Type>));
      for (const frame of unread) {
        if (!isWanted(frame)) continue;
        unread.delete(frame);
        return Promise.resolve(frame);
      }
      return within(
        `${type} frame`,
        new Promise<FrameOf<Type>>((resolve) => {
          finders.add((frame) => {
            if (!isWanted(frame)) return false;
            resolve(frame);
            return true;
          });
        }),
      );
    },
    forget: () => unread.clear(),
    nextHello: () => helloBox.next("hello"),
    nextClose: () => closeBox.next("close"),
    stop: async () => {
      links.closeAll(closeCodes.goingAway, "COORDINATOR_STOPPING");
      links.stop();
      await server.stop(true);
    },
  };
}

function refusal(status: number, code: string): Response {
  return Response.json({ error: code, code, hint: "", request_id: "test" }, { status });
}
