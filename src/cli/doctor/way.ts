import { createMeshClient } from "../../client/index.ts";
import { type LinkTrialOptions, tryLink } from "../../node/index.ts";
import { fromIsoTime } from "../../platform/clock.ts";
import { isLoopbackHost, proxyVariables } from "../../platform/http-fetch.ts";
import { resolveName } from "../../platform/resolve-name.ts";
import { MeshError } from "../../protocol/errors.ts";
import { hideUserInfo } from "../../protocol/hide-user-info.ts";
import { contract, type Health } from "../../protocol/http/contract.ts";
import { checkCertificate } from "../check-certificate.ts";
import type { CliContext } from "../context.ts";
import { toSafeLine } from "../render/safe-text.ts";
import { type Check, failed, ok, skipped, warning } from "./check.ts";
import type { Target } from "./target.ts";

/** A difference of clocks from which on times in logs and expiries start to mislead. */
const maxClockSkewS = 5;
export const questionLimitMs = 5_000;

/** What was found on the way from here to the coordinator. */
export interface Way {
  readonly checks: readonly Check[];
  /** null: nobody answered. */
  readonly health: Health | null;
}

/** Name, proxy, certificate and pin, answer, link, clock, version: in the order in which a connection meets them. */
export async function checkWay(context: CliContext, target: Target): Promise<Way> {
  const { connection, place } = target;
  const name = await checkName(context, target);
  const certificate = await checkCertificate(context, connection, place?.pin ?? null);
  const reach = await checkCoordinator(context, target);
  return {
    health: reach.health,
    checks: [
      name,
      checkProxy(context, target),
      ...(certificate === null ? [] : [{ check: "certificate" as const, ...certificate }]),
      reach.check,
      reach.health === null ? skipped(context, "link") : await checkLink(context, target),
      reach.clock ?? skipped(context, "clock"),
      checkVersion(context, reach.health),
    ],
  };
}

async function checkName({ texts, clock }: CliContext, { connection }: Target): Promise<Check> {
  const { doctor } = texts;
  const { hostname } = new URL(connection.url);
  if (connection.proxyUrl !== null) return ok("dns", doctor.proxyResolves(hostname));
  const found = await resolveName(hostname, { clock, limitMs: questionLimitMs });
  switch (found.kind) {
    case "address":
      return ok("dns", doctor.isAddress(hostname));
    case "resolved":
      return ok("dns", doctor.resolved(hostname, found.addresses.join(", ")));
    case "failed":
      return {
        check: "dns",
        status: "failed",
        message: doctor.notResolved(hostname, found.code),
        remedy: doctor.dnsRemedy,
      };
  }
}

function checkProxy({ texts, env }: CliContext, { connection: { proxyUrl, url } }: Target): Check {
  const variables = Object.entries(proxyVariables(env)).map(([name, value]) => `${name}=${value}`);
  if (proxyUrl !== null) {
    const shown = toSafeLine(hideUserInfo(proxyUrl));
    return warning("proxy", texts.doctor.proxyUsed(shown), texts.doctor.proxyRemedy(new URL(url).hostname));
  }
  return ok(
    "proxy",
    variables.length === 0 ? texts.doctor.noProxy : texts.doctor.proxyNotUsed(variables.join(", ")),
  );
}

interface Reach {
  readonly check: Check;
  readonly health: Health | null;
  readonly clock: Check | null;
}

async function checkCoordinator(context: CliContext, { connection, place }: Target): Promise<Reach> {
  const { client, url, proxyUrl } = connection;
  const { doctor } = context.texts;
  const startedMs = context.clock.monotonicMs();
  try {
    const { answer, headers } = await client.request(contract.getHealth, {}, { timeoutMs: questionLimitMs });
    const elapsedMs = context.clock.monotonicMs() - startedMs;
    const clock = checkClock(context, headers.get("date"), elapsedMs);
    if (place !== null && answer.mesh_id !== place.meshId) {
      const message = doctor.otherMesh(url, answer.mesh_id);
      return {
        check: { check: "coordinator", status: "failed", message, remedy: doctor.otherMeshRemedy },
        health: answer,
        clock,
      };
    }
    return { check: ok("coordinator", doctor.reached(url, Math.round(elapsedMs))), health: answer, clock };
  } catch (error) {
    const check = failed("coordinator", error);
    const code = error instanceof MeshError ? error.code : null;
    const { hostname } = new URL(url);
    // The hint of the catalogue leads to this very command.
    if (code === "COORDINATOR_UNREACHABLE")
      return toUnreached({ ...check, remedy: doctor.notReachedRemedy(isLoopbackHost(hostname)) });
    if (code === "PROXY_IN_THE_WAY" && proxyUrl !== null)
      return toUnreached({ ...check, remedy: doctor.proxyRefusesRemedy(hostname) });
    return toUnreached(check);
  }
}

function toUnreached(check: Check): Reach {
  return { check, health: null, clock: null };
}

/** The Date header has whole seconds, taken somewhere within the exchange. */
function checkClock({ texts, clock }: CliContext, date: string | null, elapsedMs: number): Check {
  if (date === null) return warning("clock", texts.doctor.noDate, texts.doctor.clockRemedy);
  const skewS = Math.max(0, Math.abs(clock.nowMs() - elapsedMs / 2 - fromIsoTime(date) - 500) - 500) / 1000;
  const message = texts.doctor.clockSkew(Math.round(skewS));
  return skewS > maxClockSkewS ? warning("clock", message, texts.doctor.clockRemedy) : ok("clock", message);
}

function checkVersion(context: CliContext, health: Health | null): Check {
  const { doctor } = context.texts;
  if (health === null) return skipped(context, "coordinator_version");
  if (health.version === context.version)
    return ok("coordinator_version", doctor.sameVersion(health.version));
  const message = doctor.otherVersion(toSafeLine(health.version), context.version);
  return warning("coordinator_version", message, doctor.versionRemedy);
}

/** Plain HTTP may pass where a WebSocket does not: proxies. Needs a token that opens links. */
async function checkLink(context: CliContext, target: Target): Promise<Check> {
  const { connection, place, isLocalRunning } = target;
  const { doctor } = context.texts;
  const { url, proxyUrl } = connection;
  const opener = place?.token ?? (isLocalRunning ? connection.token?.value : undefined);
  if (opener === undefined) return skipped(context, "link", doctor.noLinkToken);
  const { findTrust } = await import("../find-trust.ts");
  const trust = place?.trust ?? (await findTrust(context, connection.config, url));
  const trial = { coordinatorUrl: url, token: opener, proxyUrl, trust };
  if (await tryLink({ ...trial, clock: context.clock, limitMs: questionLimitMs }))
    return ok("link", doctor.linkOpens);
  if (!(await isRefused(context, trial)))
    return warning("link", doctor.linkFails, doctor.linkRemedy(new URL(url).hostname));
  // Where that token is checked itself, what to do is told there.
  return place === null || target.isNodeToken
    ? skipped(context, "link", doctor.linkRefused)
    : warning("link", doctor.nodeTokenRefused, doctor.nodeTokenRemedy);
}

/** Whether it is the token that opens no link: asked over plain HTTP, as the platform's WebSocket does not tell. */
async function isRefused(
  { fetch }: CliContext,
  trial: Pick<LinkTrialOptions, "coordinatorUrl" | "token" | "proxyUrl" | "trust">,
): Promise<boolean> {
  const { withTrust } = await import("../../platform/tls/trust.ts");
  const client = createMeshClient({
    baseUrl: trial.coordinatorUrl,
    token: trial.token,
    fetch: withTrust(fetch, trial.trust),
    proxyUrl: trial.proxyUrl,
    timeoutMs: questionLimitMs,
  });
  try {
    await client.call(contract.openLink, {});
  } catch (error) {
    if (!(error instanceof MeshError)) throw error;
    return error.exitCode === 4;
  }
  return false;
}
