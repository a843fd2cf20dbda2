import { z } from "zod";
import type { Clock } from "../../platform/clock.ts";
import { isLoopbackHost } from "../../platform/http-fetch.ts";
import type { Log } from "../../platform/log.ts";
import { createTurns } from "../../platform/turns.ts";
import { Secret } from "../../protocol/secret.ts";
import type { RuntimeCredentials } from "../runtime-settings.ts";
import { callGateway, type GatewayAccess } from "./gateway-api.ts";

export type TokenResult =
  | { readonly kind: "token"; readonly token: Secret | null }
  | { readonly kind: "none"; readonly message: string };

/** The token for one gateway: the operator's, one that was kept, or one by pairing, which works on this machine only. */
export interface TokenSource {
  /** null: there is none yet. */
  readonly current: () => Promise<Secret | null>;
  /** A new one after that one was refused. At most one pairing at a time; rejects when the gateway cannot be reached. */
  readonly renew: (refused: Secret | null, signal: AbortSignal) => Promise<TokenResult>;
  /** Every token that there was, to be kept out of messages. */
  readonly secrets: () => readonly Secret[];
}

export interface PairingOptions extends GatewayAccess {
  /** The operator's; never replaced. */
  readonly given: Secret | null;
  readonly credentials: RuntimeCredentials;
  /** How ZeroClaw lists this machine among its devices. */
  readonly deviceName: string;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * Between two pairings, and after one that failed: ZeroClaw locks whoever fails five times out for five minutes, and each
 * pairing is another device on its list.
 */
const pauseMs = 30_000;
/** Tokens of earlier pairings that are still kept out of messages. */
const maxKnown = 16;

export function createTokenSource(options: PairingOptions): TokenSource {
  const { given, credentials, clock, log } = options;
  const { host, hostname } = new URL(options.address.httpUrl);
  const name = `zeroclaw ${host.replace(/^localhost(?=:|$)/, "127.0.0.1")}`;
  const turns = createTurns();
  const known: Secret[] = given === null ? [] : [given];
  let kept: Promise<Secret | null> | null = null;
  /** How another pairing is answered until then. */
  let pause: { readonly message: string; readonly untilMs: number } | null = null;

  const load = async () => {
    const token = await credentials.load(name);
    if (token !== null) known.push(token);
    return token;
  };
  const current = () => {
    kept ??= given === null ? load() : Promise.resolve(given);
    return kept;
  };
  const pairAnew = async (signal: AbortSignal): Promise<TokenResult> => {
    if (pause !== null && clock.monotonicMs() < pause.untilMs)
      return { kind: "none", message: pause.message };
    // It waited too long for its turn; nothing was asked.
    signal.throwIfAborted();
    const result = await pairInTime(options, signal, (message) => {
      pause = { message, untilMs: clock.monotonicMs() + pauseMs };
    });
    if (result.kind === "failed") {
      pause = { message: result.message, untilMs: clock.monotonicMs() + result.pauseMs };
      return { kind: "none", message: result.message };
    }
    pause = {
      message: `${host} refuses the token that it gave`,
      untilMs: clock.monotonicMs() + pauseMs,
    };
    known.push(result.token);
    if (known.length > maxKnown) known.shift();
    kept = Promise.resolve(result.token);
    try {
      await credentials.save(name, result.token);
    } catch (error) {
      // It is good until the agent ends; the next one pairs again.
      log.warn("the token of a ZeroClaw gateway could not be kept", { host, error });
    }
    log.info("paired with a ZeroClaw gateway", { host });
    return { kind: "token", token: result.token };
  };

  return {
    current,
    secrets: () => known,
    renew: (refused, signal) =>
      turns.inTurn(async (): Promise<TokenResult> => {
        const now = await current();
        if (now !== null && now !== refused) return { kind: "token", token: now };
        if (given !== null)
          return { kind: "none", message: `${host} refused the token; check --gateway-token` };
        if (!isLoopbackHost(hostname)) return { kind: "none", message: farAway(host) };
        return await pairAnew(signal);
      }),
  };
}

function farAway(host: string): string {
  return `${host} asks for a token, and a node pairs by itself only with a ZeroClaw on its own machine; pair there and give the token with --gateway-token`;
}

type Pairing =
  | { readonly kind: "paired"; readonly token: Secret }
  | { readonly kind: "failed"; readonly message: string; readonly pauseMs: number };

const Code = z.object({ pairing_code: z.string().min(1).max(64) });
const Paired = z.object({ token: z.string().min(8).max(1024) });
const Retry = z.object({ retry_after: z.number().min(0).max(86_400) });

/** A pairing that was cut off may count in ZeroClaw all the same, so that it is not begun again at once. */
async function pairInTime(
  options: PairingOptions,
  signal: AbortSignal,
  onCutOff: (message: string) => void,
): Promise<Pairing> {
  try {
    return await pair(options, signal);
  } catch (error) {
    if (signal.aborted) onCutOff(`${new URL(options.address.httpUrl).host} did not finish a pairing in time`);
    throw error;
  }
}

/** A fresh code, which only this machine is told, for a token. Tokens of others stay good. */
async function pair(options: PairingOptions, signal: AbortSignal): Promise<Pairing> {
  const { host } = new URL(options.address.httpUrl);
  const fail = (what: string, waitMs = pauseMs): Pairing => ({
    kind: "failed",
    message: `${host} ${what}; pair by hand (zeroclaw gateway get-paircode --new) and give the token with --gateway-token`,
    pauseMs: waitMs,
  });
  const asked = await callGateway(options, { method: "POST", path: "/admin/paircode/new", signal });
  const code = Code.safeParse(asked.body);
  if (asked.status === 403) return fail("gives pairing codes to its own machine only");
  if (asked.status !== 200 || !code.success) return fail(`gave no pairing code (HTTP ${asked.status})`);
  const answer = await sendCode(options, code.data.pairing_code, signal);
  const paired = Paired.safeParse(answer.body);
  if (answer.status === 200 && paired.success)
    return { kind: "paired", token: new Secret(paired.data.token) };
  const retry = Retry.safeParse(answer.body);
  if (answer.status === 429) {
    const waitS = retry.success ? retry.data.retry_after : 60;
    return fail(`takes no pairing for another ${waitS} s`, waitS * 1000);
  }
  return fail(`did not accept its own pairing code (HTTP ${answer.status})`);
}

async function sendCode(options: PairingOptions, code: string, signal: AbortSignal) {
  const body = JSON.stringify({ code, device_name: options.deviceName, device_type: "node" });
  const answer = await callGateway(options, { method: "POST", path: "/api/pair", body, signal });
  if (answer.status !== 404 && answer.status !== 405) return answer;
  // Before 0.5 there is no call that gives the device a name.
  const headers = { "x-pairing-code": code };
  return await callGateway(options, { method: "POST", path: "/pair", headers, signal });
}
