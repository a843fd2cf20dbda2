import { expect, test } from "bun:test";
import { createSampleTask } from "../../../test/support/store/sample-tasks.ts";
import { defaultRetryPolicy } from "../../domain/tasks/retry-policy.ts";
import type { TaskMessage } from "../../domain/tasks/task.ts";
import { systemIds } from "../../platform/ids.ts";
import { deliveryColumn, toDeliveryColumn } from "./delivery-column.ts";

const { message: usual } = createSampleTask();

const unusual: readonly Partial<TaskMessage>[] = [
  { isSynchronous: false },
  { priority: 0 },
  { priority: 9 },
  { notBeforeMs: 0 },
  { expiresAtMs: 1 },
  { retryOf: systemIds.task() },
  { retry: { maxAttempts: 1, baseDelayMs: 0.5, maxDelayMs: 7, on: new Set(["quota", "auth"]) } },
  { retry: { ...defaultRetryPolicy, on: new Set() } },
  { isSynchronous: false, priority: 1, notBeforeMs: 5, expiresAtMs: 6 },
  { isUntrusted: true },
  { allowedGroups: ["home", "lab"] },
  { allowedGroups: [] },
  { address: "192.0.2.7" },
  { isSynchronous: false, isUntrusted: true, allowedGroups: ["家"], address: "2001:db8::1" },
];

test("what most messages want takes no room", () => {
  expect(toDeliveryColumn(usual)).toBeNull();
});

for (const parts of [{}, ...unusual]) {
  test(`a delivery with ${Object.keys(parts).join(", ") || "nothing unusual"} is read as it was stored`, () => {
    const message = { ...usual, ...parts };
    const stored = deliveryColumn.parse(toDeliveryColumn(message));
    expect({ ...usual, ...stored }).toEqual(message);
  });
}
