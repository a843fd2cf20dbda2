import { z } from "zod";
import { bearerOf, type GatewayState, json, type RateLimit, unauthorized } from "./gateway-state.ts";

export interface Caller {
  readonly url: URL;
  readonly client: string;
  readonly isLoopback: boolean;
}

const PairBody = z.object({
  code: z.string(),
  device_name: z.string().optional(),
  device_type: z.string().optional(),
});

/** The answer to a call of pairing or administration; null: it is none. */
export async function answerPairing(
  state: GatewayState,
  request: Request,
  { url, client, isLoopback, rate }: Caller & { readonly rate: RateLimit },
): Promise<Response | null> {
  const isOld = state.profile === "0.1" || state.profile === "tinyclaw";
  const call = `${request.method} ${url.pathname}`;
  if (call === "POST /pair")
    return pair(state, request.headers.get("x-pairing-code") ?? "", { client, rate, wrong: 403 });
  if (isOld) return null;
  if (url.pathname.startsWith("/admin/")) {
    if (!isLoopback) return json(403, { error: "Admin endpoints are restricted to localhost" });
    return answerAdmin(state, call, url);
  }
  switch (call) {
    case "GET /pair/code":
      return json(200, {
        success: true,
        pairing_required: state.pairing.isRequired,
        pairing_code: state.pairing.firstCode(),
      });
    case "POST /api/pair": {
      const body = PairBody.safeParse(await request.json().catch(() => null));
      if (!body.success) return json(422, { error: "Failed to deserialize the JSON body" });
      state.seen.devices.push(body.data.device_name ?? "");
      return pair(state, body.data.code, { client, rate, wrong: 400 });
    }
    case "POST /api/pairing/initiate":
      if (!state.pairing.accepts(bearerOf(request))) return unauthorized();
      return json(200, { pairing_code: state.pairing.newCode(), message: "Enter this code on the device" });
    default:
      return null;
  }
}

function answerAdmin({ pairing, shutDown }: GatewayState, call: string, url: URL): Response | null {
  const { isRequired } = pairing;
  const tell = (code: string | null) =>
    json(200, { success: true, pairing_required: isRequired, pairing_code: code, message: "Pairing code" });
  switch (call) {
    case "GET /admin/paircode":
      return tell(pairing.currentCode());
    case "POST /admin/paircode/new":
      if (!isRequired) {
        return json(400, {
          success: false,
          pairing_required: false,
          pairing_code: null,
          message: "Pairing is off",
        });
      }
      if (url.searchParams.get("rotate") === "all") pairing.revokeAll();
      return tell(pairing.newCode());
    case "POST /admin/shutdown":
      setTimeout(shutDown, 10);
      return json(200, { success: true, message: "Gateway shutdown initiated" });
    default:
      return null;
  }
}

function pair(
  { pairing }: GatewayState,
  code: string,
  { client, rate, wrong }: { readonly client: string; readonly rate: RateLimit; readonly wrong: 400 | 403 },
): Response {
  if (!rate.allows(client)) return json(429, { error: "Too many pairing requests.", retry_after: 60 });
  const result = pairing.pair(code, client);
  switch (result.kind) {
    case "paired":
      return json(200, { paired: true, persisted: true, token: result.token, message: "Save this token" });
    case "wrong":
      return json(wrong, { ...(wrong === 400 ? { paired: false } : {}), error: "Invalid pairing code" });
    case "locked":
      return json(429, { error: "Too many failed attempts.", retry_after: result.retryAfterS });
    default:
      return result satisfies never;
  }
}
