import { expect, test } from "bun:test";
import { contract } from "../../protocol/http/contract.ts";
import type { Handlers } from "../http/contract-routes.ts";
import { onlyAudited } from "./route-audit.ts";

/** Every handler of the contract; each says that it ran. */
function createHandlers(ran: string[]): Handlers {
  const handlers = Object.keys(contract)
    .filter((operation) => operation !== "openLink")
    .map((operation) => [operation, () => ran.push(operation)]);
  return Object.fromEntries(handlers) as Handlers;
}

for (const route of Object.values(contract)) {
  if (route.operationId === "openLink") continue;
  const isAudited = "audits" in route && route.operationId !== "deleteSession";
  test(`while the audit cannot be written, ${route.operationId} ${isAudited ? "is refused before it does anything" : "works"}`, () => {
    const ran: string[] = [];
    let trouble: string | null = "the disk is full";
    const handlers = onlyAudited(createHandlers(ran), { trouble: () => trouble });
    const call = () =>
      (handlers[route.operationId as keyof Handlers] as (call: unknown) => unknown)({ params: {} });
    if (isAudited) {
      expect(call).toThrow(expect.objectContaining({ code: "STORE_UNAVAILABLE" }));
      expect(ran).toEqual([]);
      trouble = null;
    }
    call();
    expect(ran).toEqual([route.operationId]);
  });
}
