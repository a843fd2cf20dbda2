import type { AuditEntry } from "../../protocol/audit.ts";
import { apiTokenPrefix, invitePrefix, nodeTokenPrefix } from "../../protocol/token-prefix.ts";

export type Details = AuditEntry["details"];

/** What of a call its entry tells. All values are `unknown`: they have been parsed, or come from our own handlers. */
export interface CallFacts {
  readonly params: Facts;
  readonly body: Facts;
  readonly answer: Facts;
}

export type Facts = Readonly<Record<string, unknown>>;

interface ActKind {
  /** Default: `id`, then `name`, of the path. */
  readonly target?: (facts: CallFacts) => unknown;
  /** Only what is named here gets into an entry: never a secret, never the content of a message. */
  readonly details?: (facts: CallFacts) => Facts;
}

/** By its id, with the name it had. */
const named: ActKind = {
  target: ({ answer, params }) => answer.id ?? params.id,
  details: ({ answer }) => pick(answer, ["name"]),
};

/** What is told of each action; of one that is not listed, its target. */
const kinds: Readonly<Record<string, ActKind>> = {
  "invite.create": {
    target: ({ answer }) => answer.id,
    details: ({ body, answer }) => ({
      ...pick(body, ["uses", "name", "tags", "groups"]),
      ...pick(answer, ["expires_at"]),
    }),
  },
  "token.create": {
    target: ({ answer }) => answer.id,
    details: ({ body, answer }) => ({
      ...pick(body, ["name", "scopes", "groups", "rate_per_minute", "untrusted"]),
      ...pick(answer, ["expires_at"]),
    }),
  },
  "token.revoke": named,
  "node.remove": named,
  "token.rotate": {
    target: ({ answer, params }) => answer.id ?? params.id,
    details: ({ answer }) => pick(answer, ["name", "expires_at"]),
  },
  "session.create": { details: ({ answer }) => pick(answer, ["expires_at"]) },
  "node.register": {
    target: ({ answer }) => answer.node_id,
    details: ({ body }) => pick(body, ["name", "endpoint"]),
  },
  "node.change": {
    details: ({ body, answer }) => ({
      ...pick(answer, ["name"]),
      ...pick(body, ["scheduling", "deadline_s", "add_tags", "remove_tags", "weight"]),
    }),
  },
  "rule.add": { target: ({ answer }) => answer.id, details: ({ body }) => ({ rule: body }) },
  "rule.replace": { details: ({ body }) => ({ rule: body }) },
  "rule.order": { details: ({ body }) => ({ ids: body.ids }) },
  "group.put": { details: ({ body }) => ({ group: body }) },
  "task.retry": {
    details: ({ body, answer }) => ({ retried_as: answer.id, edited: Object.keys(body).sort() }),
  },
  "task.cancel_many": { details: countTasks },
  "task.retry_many": { details: countTasks },
  "task.discard_many": { details: countTasks },
};

function countTasks({ body, answer }: CallFacts): Facts {
  const count = (list: unknown) => (Array.isArray(list) ? list.length : undefined);
  return {
    ids: count(body.ids),
    filter: body.filter,
    matched: answer.matched,
    done: count(answer.done),
    failed: count(answer.failed),
  };
}

/** What an action was done to. `isKnown`: the call succeeded, so that the target exists. */
export function targetOf(action: string, facts: CallFacts, isKnown: boolean): string | null {
  const { params } = facts;
  const target = kinds[action]?.target?.(facts) ?? params.id ?? params.name;
  if (typeof target !== "string") return null;
  return isKnown ? target : hideSecrets(target);
}

export function detailsOf(action: string, facts: CallFacts): Details {
  const told = Object.entries(kinds[action]?.details?.(facts) ?? {});
  return Object.fromEntries(
    told.flatMap(([key, value]) => (value === undefined ? [] : [[key, toDetail(value)]])),
  );
}

function pick(facts: Facts, keys: readonly string[]): Facts {
  return Object.fromEntries(keys.map((key) => [key, facts[key]]));
}

function toDetail(value: unknown): Details[string] {
  if (value === null || typeof value === "number" || typeof value === "boolean") return value;
  if (Array.isArray(value) && value.every((item) => typeof item === "string")) {
    return hideSecrets(value.join(","));
  }
  return hideSecrets(typeof value === "string" ? value : (JSON.stringify(value) ?? ""));
}

const ownToken = new RegExp(`(?:${apiTokenPrefix}|${invitePrefix}|${nodeTokenPrefix})[\\w.-]+`, "g");
const ownId = /^[a-z]+_[0-9a-f]{32}$/;
const longRun = /[A-Za-z0-9_]{20,}/g;

/**
 * People paste a token where a name belongs. What looks like one (a run of twenty letters and digits or more, digits
 * among them, that is no id of ours) must not stay in a record that nobody can clean.
 */
export function hideSecrets(text: string): string {
  return text
    .replace(ownToken, (token) => `${token.slice(0, 4)}***`)
    .replace(longRun, (run) => (ownId.test(run) || !/\d/.test(run) ? run : "***"));
}
