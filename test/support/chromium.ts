import { createTempDir } from "./temp-dir.ts";

const flags = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--remote-debugging-port=0",
];

const limitMs = 15_000;

/** One tab. */
export interface BrowserPage {
  /** Loads it, and waits until it is there. @returns the status of its answer; 0: there was none */
  readonly goTo: (url: string) => Promise<number>;
  /** The value of a JavaScript expression; promises are awaited. */
  readonly evaluate: <Value>(expression: string) => Promise<Value>;
  /** Asks until the expression is true. */
  readonly until: (expression: string) => Promise<void>;
  /** Presses keys as a person does. */
  readonly type: (text: string) => Promise<void>;
  readonly press: (key: "Enter") => Promise<void>;
  /** Errors and warnings of the console, refusals of the content security policy among them. */
  readonly complaints: readonly string[];
  /** Addresses of the frames in it; what could not be loaded begins with `chrome-error:`. */
  readonly frameUrls: () => Promise<readonly string[]>;
}

export interface Browser extends AsyncDisposable {
  readonly open: () => Promise<BrowserPage>;
}

interface Answer {
  readonly id?: number;
  readonly method?: string;
  readonly sessionId?: string;
  // biome-ignore lint/suspicious/noExplicitAny: whatever the DevTools protocol says.
  readonly params?: any;
  // biome-ignore lint/suspicious/noExplicitAny: whatever the DevTools protocol says.
  readonly result?: any;
  readonly error?: { readonly message: string };
}

/** @param names that this browser finds at 127.0.0.1 */
export async function startChromium(names: readonly string[]): Promise<Browser> {
  await using undo = new AsyncDisposableStack();
  const dir = undo.use(await createTempDir());
  const rules = names.map((name) => `MAP ${name} 127.0.0.1`).join(",");
  const child = Bun.spawn(
    ["chromium", ...flags, `--user-data-dir=${dir.path}`, `--host-resolver-rules=${rules}`, "about:blank"],
    { stdout: "ignore", stderr: "pipe" },
  );
  undo.defer(async () => {
    child.kill("SIGKILL");
    await child.exited;
  });
  const socket = new WebSocket(await readAddress(child.stderr));
  await new Promise((resolve, reject) => {
    socket.onopen = resolve;
    socket.onerror = reject;
  });
  undo.defer(() => socket.close());

  let lastId = 0;
  const asked = new Map<number, (answer: Answer) => void>();
  const listeners = new Set<(event: Answer) => void>();
  socket.onmessage = ({ data }) => {
    const answer = JSON.parse(String(data)) as Answer;
    if (answer.id === undefined) for (const listen of listeners) listen(answer);
    else asked.get(answer.id)?.(answer);
  };

  function call(method: string, params: object = {}, sessionId?: string): Promise<Answer["result"]> {
    const id = ++lastId;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`${method} took too long`)), limitMs);
      asked.set(id, ({ result, error }) => {
        clearTimeout(timer);
        asked.delete(id);
        if (error === undefined) resolve(result);
        else reject(new Error(`${method}: ${error.message}`));
      });
      socket.send(JSON.stringify({ id, method, params, ...(sessionId === undefined ? {} : { sessionId }) }));
    });
  }

  async function open(): Promise<BrowserPage> {
    const { targetId } = await call("Target.createTarget", { url: "about:blank" });
    const { sessionId } = await call("Target.attachToTarget", { targetId, flatten: true });
    const ask = (method: string, params: object = {}) => call(method, params, sessionId);
    const complaints: string[] = [];
    let status = 0;
    let onLoad: () => void = () => undefined;
    listeners.add(({ sessionId: from, method, params }) => {
      if (from !== sessionId) return;
      if (method === "Log.entryAdded" && ["error", "warning"].includes(params.entry.level)) {
        complaints.push(`${params.entry.text} ${params.entry.url ?? ""}`);
      }
      if (method === "Runtime.exceptionThrown") complaints.push(JSON.stringify(params.exceptionDetails));
      if (
        method === "Network.responseReceived" &&
        params.type === "Document" &&
        params.frameId === targetId
      ) {
        status = params.response.status;
      }
      if (method === "Page.loadEventFired") onLoad();
    });
    for (const domain of ["Page", "Runtime", "Network", "Log"]) await ask(`${domain}.enable`);

    async function evaluate<Value>(expression: string): Promise<Value> {
      const options = { expression, awaitPromise: true, returnByValue: true };
      const { result, exceptionDetails } = await ask("Runtime.evaluate", options);
      if (exceptionDetails !== undefined) throw new Error(JSON.stringify(exceptionDetails));
      return result.value;
    }

    return {
      complaints,
      evaluate,
      goTo: async (url) => {
        status = 0;
        const loaded = new Promise<void>((resolve) => {
          onLoad = resolve;
        });
        await ask("Page.navigate", { url });
        await Promise.race([loaded, Bun.sleep(limitMs)]);
        return status;
      },
      until: async (expression) => {
        const endsAtMs = performance.now() + limitMs;
        for (;;) {
          // A page that is just being left answers with an error; the next one is asked again.
          const answer = await evaluate<boolean>(expression).catch((error: unknown) => String(error));
          if (answer === true) return;
          if (performance.now() > endsAtMs) throw new Error(`never true: ${expression} (${answer})`);
          await Bun.sleep(20);
        }
      },
      type: async (text) => {
        await ask("Input.insertText", { text });
      },
      press: async (key) => {
        for (const type of ["keyDown", "keyUp"]) {
          await ask("Input.dispatchKeyEvent", {
            type,
            key,
            code: key,
            text: "\r",
            windowsVirtualKeyCode: 13,
          });
        }
      },
      frameUrls: async () => {
        const { frameTree } = await ask("Page.getFrameTree");
        return (frameTree.childFrames ?? []).map(({ frame }: { frame: { url: string } }) => frame.url);
      },
    };
  }

  const parts = undo.move();
  return { open, [Symbol.asyncDispose]: () => parts.disposeAsync() };
}

async function readAddress(stream: ReadableStream<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  const reader = stream.getReader();
  for (;;) {
    const { value, done } = await reader.read();
    if (done) throw new Error(`Chromium did not start: ${text}`);
    text += decoder.decode(value, { stream: true });
    const address = /DevTools listening on (ws:\S+)/.exec(text)?.[1];
    if (address === undefined) continue;
    // Read on, or it stops when the pipe is full.
    void (async () => {
      while (!(await reader.read()).done);
    })();
    return address;
  }
}
