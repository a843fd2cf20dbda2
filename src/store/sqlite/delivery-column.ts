import { z } from "zod";
import { defaultRetryPolicy } from "../../domain/tasks/retry-policy.ts";
import type { TaskMessage } from "../../domain/tasks/task.ts";
import { TaskId } from "../../protocol/ids.ts";
import { defaultPriority, Priority, RetryCause } from "../../protocol/message.ts";
import { jsonColumn } from "./row.ts";

type Delivery = Pick<
  TaskMessage,
  | "isSynchronous"
  | "priority"
  | "notBeforeMs"
  | "expiresAtMs"
  | "retryOf"
  | "retry"
  | "isUntrusted"
  | "allowedGroups"
  | "address"
>;

const usual: Delivery = {
  isSynchronous: true,
  priority: defaultPriority,
  notBeforeMs: null,
  expiresAtMs: null,
  retryOf: null,
  retry: defaultRetryPolicy,
  isUntrusted: false,
  allowedGroups: null,
  address: null,
};

const Stored = z.object({
  isQueued: z.literal(true).optional(),
  priority: Priority.optional(),
  notBeforeMs: z.number().optional(),
  expiresAtMs: z.number().optional(),
  retryOf: TaskId.optional(),
  retry: z
    .object({
      maxAttempts: z.int(),
      baseDelayMs: z.number(),
      maxDelayMs: z.number(),
      on: z.array(RetryCause).transform((causes): ReadonlySet<RetryCause> => new Set(causes)),
    })
    .optional(),
  isUntrusted: z.literal(true).optional(),
  allowedGroups: z.array(z.string()).optional(),
  address: z.string().optional(),
});

const queuedOnly = JSON.stringify({ isQueued: true });

/** JSON of what is not usual about a message's delivery; null for most: synchronous, from this machine, without wishes of its own. */
export function toDeliveryColumn(message: TaskMessage): string | null {
  const { isSynchronous, priority, notBeforeMs, expiresAtMs, retryOf, retry } = message;
  const { isUntrusted, allowedGroups, address } = message;
  const isUsual =
    priority === usual.priority &&
    notBeforeMs === null &&
    expiresAtMs === null &&
    retryOf === null &&
    retry === usual.retry &&
    !isUntrusted &&
    allowedGroups === null &&
    address === null;
  if (isUsual) return isSynchronous ? null : queuedOnly;
  return JSON.stringify({
    ...(isSynchronous ? {} : { isQueued: true }),
    ...(priority === usual.priority ? {} : { priority }),
    ...(notBeforeMs === null ? {} : { notBeforeMs }),
    ...(expiresAtMs === null ? {} : { expiresAtMs }),
    ...(retryOf === null ? {} : { retryOf }),
    ...(retry === usual.retry ? {} : { retry: { ...retry, on: [...retry.on] } }),
    ...(isUntrusted ? { isUntrusted } : {}),
    ...(allowedGroups === null ? {} : { allowedGroups }),
    ...(address === null ? {} : { address }),
  });
}

const storedDelivery = jsonColumn(Stored).transform(
  ({ isQueued, priority, notBeforeMs, expiresAtMs, retryOf, retry, ...rest }): Delivery => ({
    isSynchronous: isQueued !== true,
    priority: priority ?? usual.priority,
    notBeforeMs: notBeforeMs ?? null,
    expiresAtMs: expiresAtMs ?? null,
    retryOf: retryOf ?? null,
    retry: retry ?? usual.retry,
    isUntrusted: rest.isUntrusted === true,
    allowedGroups: rest.allowedGroups ?? null,
    address: rest.address ?? null,
  }),
);

export const deliveryColumn = storedDelivery.nullable().transform((delivery): Delivery => delivery ?? usual);
