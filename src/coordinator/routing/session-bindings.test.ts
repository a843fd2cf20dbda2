import { describe, expect, test } from "bun:test";
import { systemIds } from "../../platform/ids.ts";
import { bindingTtlMs, maxBindings } from "../../store/sessions.ts";
import { createSessionBindings } from "./session-bindings.ts";

const nodeId = systemIds.node();
const usedAt = (lastUsedAtMs: number) => ({ nodeId, boundAtMs: 0, lastUsedAtMs, runtime: null });

describe("the conversations that a router knows", () => {
  test("are found by their subject and name", () => {
    const bindings = createSessionBindings();
    bindings.put("ann", "home", usedAt(1));
    expect(bindings.find("ann", "home")).toEqual(usedAt(1));
    expect(bindings.find("bob", "home")).toBeUndefined();
    bindings.remove("ann", "home");
    expect(bindings.find("ann", "home")).toBeUndefined();
  });

  test("are forgotten when they were not used for as long as the store keeps them", () => {
    const bindings = createSessionBindings();
    bindings.put("ann", "old", usedAt(0));
    bindings.put("ann", "kept", usedAt(0));
    bindings.put("ann", "kept", usedAt(1));
    bindings.put("ann", "new", usedAt(bindingTtlMs + 1));
    expect(bindings.find("ann", "old")).toBeUndefined();
    expect(bindings.find("ann", "kept")).toEqual(usedAt(1));
  });

  test("are no more than the store keeps; those unused for longest go first", () => {
    const bindings = createSessionBindings();
    for (let index = 0; index < maxBindings; index += 1) bindings.put("ann", `s${index}`, usedAt(index));
    bindings.put("ann", "s0", usedAt(maxBindings));
    bindings.put("ann", "one more", usedAt(maxBindings));
    expect(bindings.size()).toBe(maxBindings);
    expect(bindings.find("ann", "s0")).toBeDefined();
    expect(bindings.find("ann", "s1")).toBeUndefined();
  });
});
