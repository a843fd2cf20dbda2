import type { z } from "zod";
import { waitAtMost } from "../../platform/bounded-wait.ts";
import type { Clock } from "../../platform/clock.ts";
import type { HttpFetch } from "../../platform/http-fetch.ts";
import { readBoundedBody, readJson } from "../../runtimes/bounded-body.ts";

/** Longest wait for an answer. */
const limitMs = 3_000;

const maxBytes = 256 * 1024;

interface Looker {
  readonly fetch: HttpFetch;
  readonly clock: Clock;
}

/** Whether the address answers with status 200 and what the schema says: gateways serve pages with 200 on any path. */
export async function isAnsweredOk(
  url: string,
  schema: z.ZodType,
  { fetch, clock }: Looker,
): Promise<boolean> {
  const stop = new AbortController();
  const ask = async () => {
    const response = await fetch(url, { signal: stop.signal, redirect: "manual" });
    const body = readJson(await readBoundedBody(response, maxBytes));
    return response.status === 200 && schema.safeParse(body).success;
  };
  try {
    return await waitAtMost(
      ask().catch(() => false),
      { clock, limitMs, otherwise: false },
    );
  } finally {
    stop.abort();
  }
}
