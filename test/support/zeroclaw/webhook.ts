import { z } from "zod";
import { runTurn } from "./agent-turn.ts";
import { bearerOf, type GatewayState, json, type RateLimit, unauthorized } from "./gateway-state.ts";

/** Bytes of a request body; fixed in ZeroClaw. */
export const maxBodyBytes = 65_536;
const keyTtlMs = 300_000;

const Body = z.object({ message: z.string() });

interface WebhookParts {
  readonly rate: RateLimit;
  /** Used keys with the time of their use. */
  readonly keys: Map<string, number>;
}

/** `POST /webhook`; the checks come in the order of 0.8.4: rate, bearer, JSON, agent, idempotency, model. */
export async function handleWebhook(
  state: GatewayState,
  request: Request,
  { rate, keys, client }: WebhookParts & { readonly client: string },
): Promise<Response> {
  if (!rate.allows(client)) {
    return json(429, { error: "Too many webhook requests. Please retry later.", retry_after: 60 });
  }
  if (!state.pairing.accepts(bearerOf(request))) return unauthorized();
  const body = Body.safeParse(await request.json().catch(() => null));
  if (!body.success) return json(400, { error: 'Invalid JSON body. Expected: {"message": "..."}' });
  const alias = pickAgent(state, new URL(request.url).searchParams);
  const agent = alias === null ? undefined : state.config.agents[alias];
  if (alias !== null && agent === undefined) return json(400, { error: `Unknown agent \`${alias}\`` });
  const key = request.headers.get("x-idempotency-key");
  if (key !== null) {
    const usedAtMs = keys.get(key);
    if (usedAtMs !== undefined && Date.now() - usedAtMs < keyTtlMs) {
      return json(200, { status: "duplicate", idempotent: true, message: "Request already processed" });
    }
    keys.set(key, Date.now());
  }
  const model = agent?.model ?? null;
  if (agent === undefined || model === null || state.knobs.needsQuickstart === true) {
    return json(503, { error: "needs_quickstart", url: "/quickstart" });
  }
  try {
    const response = await runTurn({
      agent,
      model,
      history: [],
      content: body.data.message,
      hasTools: state.profile === "0.8",
      stream: false,
      signal: request.signal,
      emit: () => {},
      askApproval: () => Promise.resolve(false),
      takeSteering: () => [],
    });
    return json(200, { response, model: model.model });
  } catch {
    // The cause is in ZeroClaw's log only.
    return json(500, { error: "LLM request failed" });
  }
}

/** Whom the query names, else `default`, else the first of the alphabet; null: there is none. */
function pickAgent(state: GatewayState, query: URLSearchParams): string | null {
  const named = query.get("agent") ?? query.get("agentAlias") ?? query.get("agent_alias");
  if (named !== null && state.profile === "0.8") return named;
  const aliases = Object.keys(state.config.agents).sort();
  return aliases.includes("default") ? "default" : (aliases[0] ?? null);
}
