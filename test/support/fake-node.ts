import type { AttemptNumber, Instance, NodeId, TaskId } from "../../src/protocol/ids.ts";
import type {
  AttemptRef,
  CoordinatorFrame,
  HelloFrame,
  NodeFrame,
  OfferFrame,
  WelcomeFrame,
} from "../../src/protocol/link/v1/frames.ts";
import type { RuntimeStatus } from "../../src/protocol/node.ts";

type FrameOf<Type extends CoordinatorFrame["type"]> = Extract<CoordinatorFrame, { type: Type }>;

export interface LinkClose {
  readonly code: number;
  readonly reason: string;
}

/** A WebSocket to a coordinator's link on which the test says every word itself; only pings are answered unasked. */
export interface FakeLink extends AsyncDisposable {
  /** All frames that came, in order. */
  readonly frames: readonly CoordinatorFrame[];
  /** All in one message. */
  readonly send: (...frames: readonly NodeFrame[]) => void;
  /** Anything, as text or binary message. */
  readonly sendRaw: (message: string | Uint8Array<ArrayBuffer>) => void;
  /** The first frame of the type so far, or the next one, that fits; each frame is found once. */
  readonly next: <Type extends CoordinatorFrame["type"]>(
    type: Type,
    fits?: (frame: FrameOf<Type>) => boolean,
  ) => Promise<FrameOf<Type>>;
  /** Stops or starts answering pings. */
  readonly answerPings: (isAnswering: boolean) => void;
  readonly closed: Promise<LinkClose>;
  /** Closes the socket without a goodbye. */
  readonly close: () => Promise<LinkClose>;
}

export interface FakeLinkOptions {
  readonly port: number;
  /** null: no Authorization header. */
  readonly token: string | null;
  /** Default: 127.0.0.1. */
  readonly host?: string;
}

const limitMs = 10_000;

async function within<T>(what: string, promise: Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error(`no ${what} within ${limitMs} ms`)), limitMs);
  try {
    return await Promise.race([promise, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** Resolves when the WebSocket is open; rejects when the upgrade is refused. */
export async function openFakeLink({ port, token, host = "127.0.0.1" }: FakeLinkOptions): Promise<FakeLink> {
  const socket = new WebSocket(`ws://${host}:${port}/api/v1/link`, {
    headers: token === null ? {} : { authorization: `Bearer ${token}` },
  });
  const frames: CoordinatorFrame[] = [];
  const unread = new Set<CoordinatorFrame>();
  const finders = new Set<(frame: CoordinatorFrame) => boolean>();
  const opened = Promise.withResolvers<void>();
  const closed = Promise.withResolvers<LinkClose>();
  let isAnswering = true;

  const send = (...sent: readonly NodeFrame[]) => socket.send(JSON.stringify(sent));

  const take = (frame: CoordinatorFrame) => {
    frames.push(frame);
    if (frame.type === "ping" && isAnswering && socket.readyState === WebSocket.OPEN) send({ type: "pong" });
    const finder = [...finders].find((candidate) => candidate(frame));
    if (finder === undefined) unread.add(frame);
    else finders.delete(finder);
  };

  socket.onopen = () => opened.resolve();
  socket.onmessage = (event) => {
    for (const frame of JSON.parse(String(event.data)) as CoordinatorFrame[]) take(frame);
  };
  socket.onerror = () => undefined;
  socket.onclose = ({ code, reason }) => {
    opened.reject(new Error(`the link did not open: ${code} ${reason}`));
    closed.resolve({ code, reason });
  };
  await within("open link", opened.promise);

  const close = () => {
    socket.close(1000);
    return within("close", closed.promise);
  };
  return {
    frames,
    send,
    sendRaw: (message) => socket.send(message),
    next: <Type extends CoordinatorFrame["type"]>(type: Type, fits?: (frame: FrameOf<Type>) => boolean) => {
      const isWanted = (frame: CoordinatorFrame): frame is FrameOf<Type> =>
        frame.type === type && (fits === undefined || fits(frame as FrameOf<Type>));
      for (const frame of unread) {
        if (!isWanted(frame)) continue;
        unread.delete(frame);
        return Promise.resolve(frame);
      }
      const found = Promise.withResolvers<FrameOf<Type>>();
      finders.add((frame) => {
        if (!isWanted(frame)) return false;
        found.resolve(frame);
        return true;
      });
      return within(`${type} frame`, found.promise);
    },
    answerPings: (answering) => {
      isAnswering = answering;
    },
    closed: closed.promise,
    close,
    [Symbol.asyncDispose]: async () => {
      if (socket.readyState !== WebSocket.CLOSED) await close();
    },
  };
}

/** A node that was welcomed, played by the test. */
export interface FakeNode extends FakeLink {
  readonly hello: HelloFrame;
  readonly welcome: WelcomeFrame;
  readonly nodeId: NodeId;
  readonly name: string;
  /** The node's own token: the one it was given, or the one it came with. */
  readonly token: string;
  readonly nextOffer: (content?: string) => Promise<OfferFrame>;
  readonly started: (attempt: AttemptRef) => void;
  readonly chunk: (attempt: AttemptRef, offset: number, text: string) => void;
  /** The whole answer in one frame. */
  readonly result: (attempt: AttemptRef, text: string) => void;
  /** `started` and `result`. */
  readonly answer: (attempt: AttemptRef, text: string) => void;
  readonly refuse: (attempt: AttemptRef, reason: "full" | "draining" | "not_ready") => void;
}

export interface FakeNodeOptions extends Partial<Omit<HelloFrame, "type" | "capabilities">> {
  readonly port: number;
  readonly token: string;
  readonly capabilities?: Partial<HelloFrame["capabilities"]>;
}

export const readyRuntime: RuntimeStatus = {
  kind: "echo",
  version: "test",
  ready: true,
  reason: null,
  active: null,
  queued: null,
};

let instances = 0;

/** The name of one more agent process. */
export function nextInstance(): Instance {
  instances += 1;
  return instances.toString(16).padStart(32, "0") as Instance;
}

export function toHello(options: Omit<FakeNodeOptions, "port" | "token"> = {}): HelloFrame {
  const { capabilities, ...parts } = options;
  const instance = parts.instance ?? nextInstance();
  return {
    type: "hello",
    versions: [1],
    software: "test",
    name: `node-${Number.parseInt(instance, 16)}` as HelloFrame["name"],
    slots: 4,
    runtimes: [readyRuntime],
    running: [],
    unacknowledged: [],
    ...parts,
    instance,
    capabilities: {
      os: "linux",
      arch: "amd64",
      gpu: false,
      memory_gb: 16,
      tags: [],
      skills: [],
      ...capabilities,
    },
  };
}

/** Dials, says hello and waits for the welcome; rejects when the coordinator closes instead. */
export async function joinFakeNode({ port, token, ...parts }: FakeNodeOptions): Promise<FakeNode> {
  const link = await openFakeLink({ port, token });
  const hello = toHello(parts);
  link.send(hello);
  const refused = link.closed.then(({ code, reason }) => {
    throw new LinkRefused(code, reason);
  });
  const welcome = await Promise.race([link.next("welcome"), refused]);
  refused.catch(() => undefined);
  return {
    ...link,
    hello,
    welcome,
    nodeId: welcome.node_id,
    name: welcome.name,
    token: welcome.token ?? token,
    nextOffer: (content) => link.next("offer", (frame) => content === undefined || frame.content === content),
    started: (attempt) => link.send({ type: "started", ...toRef(attempt) }),
    chunk: (attempt, offset, text) => link.send({ type: "chunk", ...toRef(attempt), offset, text }),
    result: (attempt, text) => link.send(toResult(attempt, text)),
    answer: (attempt, text) => link.send({ type: "started", ...toRef(attempt) }, toResult(attempt, text)),
    refuse: (attempt, reason) =>
      link.send({ type: "refuse", ...toRef(attempt), reason, message: `it is ${reason}` }),
  };
}

/** The coordinator closed the link where it could have sent a welcome. */
export class LinkRefused extends Error {
  override readonly name = "LinkRefused";
  readonly code: number;
  readonly reason: string;

  constructor(code: number, reason: string) {
    super(`${code} ${reason}`);
    this.code = code;
    this.reason = reason;
  }
}

/** Only the reference of a frame that carries more. */
export function toRef({ task, attempt }: AttemptRef): { task: TaskId; attempt: AttemptNumber } {
  return { task, attempt };
}

function toResult(attempt: AttemptRef, text: string): NodeFrame {
  return { type: "result", ...toRef(attempt), length: text.length, text };
}
