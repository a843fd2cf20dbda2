import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { runtimePreference } from "../runtimes/runtime-settings.ts";
import { chooseDetected, describeChoice } from "./choose-detected.ts";
import type { DetectedRuntime } from "./detected-runtime.ts";

function detected(
  kind: DetectedRuntime["kind"],
  state: DetectedRuntime["state"] = "ready",
  product: string = kind,
): DetectedRuntime {
  return {
    kind,
    product,
    version: null,
    program: null,
    endpoint: kind === "acp" ? null : `http://127.0.0.1/${product}`,
    token: null,
    command: kind === "acp" ? [product] : null,
    state,
    problem: state === "ready" ? null : { message: `${product} is ${state}`, remedy: "start it" },
    foundBy: "test",
  };
}

const table: readonly (readonly [
  name: string,
  found: readonly DetectedRuntime[],
  product: string | null,
  because: string,
])[] = [
  ["nothing", [], null, "none_found"],
  ["one that is ready", [detected("openai")], "openai", "only_ready"],
  [
    "an agent before a model server, in whatever order they come",
    [detected("openai"), detected("acp"), detected("openclaw")],
    "openclaw",
    "preferred",
  ],
  [
    "one that is ready before one that is preferred and is not",
    [detected("openclaw", "not_ready"), detected("zeroclaw", "stopped"), detected("openai")],
    "openai",
    "only_ready",
  ],
  ["a gateway that runs, where none is ready", [detected("openclaw", "not_ready")], "openclaw", "not_ready"],
  [
    "nothing that is stopped",
    [detected("openclaw", "stopped"), detected("acp", "not_ready")],
    null,
    "none_usable",
  ],
  [
    "the first of a kind",
    [detected("openai", "ready", "a"), detected("openai", "ready", "b")],
    "a",
    "preferred",
  ],
];

describe("what a node of this machine uses", () => {
  for (const [name, found, product, because] of table) {
    test(`is ${name}`, () => {
      const choice = chooseDetected(found, null);
      expect(choice.chosen?.product ?? null).toBe(product);
      expect(choice.because as string).toBe(because);
      expect(choice.passedOver).toHaveLength(found.length - (product === null ? 0 : 1));
    });
  }

  test("is of the kind that was asked for", () => {
    const found = [detected("openclaw"), detected("openai")];
    expect(chooseDetected(found, "openai").chosen?.kind).toBe("openai");
    expect(chooseDetected(found, "zeroclaw")).toMatchObject({ chosen: null, because: "none_found" });
  });

  test("is told in one line with those that were passed over", () => {
    const found = [detected("openclaw", "stopped"), detected("acp"), detected("openai")];
    expect(describeChoice(chooseDetected(found, null))).toBe(
      "using acp, the first of those that are ready in the order of preference; passed over: " +
        "openclaw at http://127.0.0.1/openclaw (stopped: openclaw is stopped), " +
        "openai at http://127.0.0.1/openai (ready, comes later)",
    );
    expect(describeChoice(chooseDetected([detected("openai")], null))).toBe(
      "using openai at http://127.0.0.1/openai, the only one that is ready",
    );
    expect(describeChoice(chooseDetected([], null))).toBe("no runtime of this machine can be used");
  });

  test("never changes with what is not ready beside a ready one, and accounts for all", () => {
    const runtime = fc
      .tuple(fc.constantFrom(...runtimePreference), fc.constantFrom("ready", "stopped", "not_ready"))
      .map(([kind, state]) => detected(kind, state));
    fc.assert(
      fc.property(fc.array(runtime, { maxLength: 12 }), (found) => {
        const choice = chooseDetected(found, null);
        const ready = found.filter(({ state }) => state === "ready");
        expect(choice.passedOver.length + (choice.chosen === null ? 0 : 1)).toBe(found.length);
        if (ready.length > 0) expect(choice.chosen).toBe(chooseDetected(ready, null).chosen);
        if (choice.chosen !== null) expect(choice.chosen.state).not.toBe("stopped");
      }),
    );
  });
});
