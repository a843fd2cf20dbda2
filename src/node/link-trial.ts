import { createDialSocket } from "../link/dial-socket.ts";
import type { Clock } from "../platform/clock.ts";
import type { Trust } from "../platform/tls/trust.ts";
import { apiPrefix } from "../protocol/http/contract.ts";
import type { Secret } from "../protocol/secret.ts";

export interface LinkTrialOptions {
  /** `http://host:9180` */
  readonly coordinatorUrl: string;
  /** One that opens links: a node's own, or an admin's. */
  readonly token: Secret;
  readonly proxyUrl: string | null;
  readonly trust: Trust | null;
  readonly clock: Clock;
  /** Time until it counts as not opened. */
  readonly limitMs: number;
}

/** Whether a WebSocket to the coordinator opens; closes it at once, without a word, so that no node is affected. */
export function tryLink(options: LinkTrialOptions): Promise<boolean> {
  const { coordinatorUrl, token, proxyUrl, trust, clock, limitMs } = options;
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const url = `${coordinatorUrl.replace(/^http/, "ws")}${apiPrefix}/link`;
  const end = (hasOpened: boolean) => {
    cancel();
    resolve(hasOpened);
    socket.close(1000, "");
  };
  const socket = createDialSocket(
    { url, token, proxyUrl, trust },
    { onOpen: () => end(true), onMessage: () => {}, onPong: () => {}, onClose: () => end(false) },
  );
  const cancel = clock.after(limitMs, () => end(false));
  return promise;
}
