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

/** Its program and its configuration are here. */
const setUp = (
  kind: "openclaw" | "zeroclaw",
  state: DetectedRuntime["state"] = "stopped",
): DetectedRuntime => ({ ...detected(kind, state), program: `/bin/${kind}` });

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
    "one that is ready before a configuration whose program is gone",
    [detected("openclaw", "stopped"), detected("acp", "not_ready"), detected("openai")],
    "openai",
    "only_ready",
  ],
  [
    "one that is set up here and stopped, before a server that is ready",
    [setUp("openclaw"), detected("acp"), detected("openai")],
    "openclaw",
    "set_up",
  ],
  [
    "one whose gateway is still starting, before a server that is ready",
    [detected("openclaw", "not_ready"), detected("openai")],
    "openclaw",
    "not_ready",
  ],
  [
    "of two that are set up the one that is ready",
    [setUp("openclaw"), setUp("zeroclaw", "ready"), detected("openai")],
    "zeroclaw",
    "preferred",
  ],
  [
    "of two that are not ready the one that runs",
    [setUp("openclaw"), setUp("zeroclaw", "not_ready")],
    "zeroclaw",
    "not_ready",
  ],
  [
    "not what another user runs",
    [
      { ...setUp("openclaw", "not_ready"), isForeign: true },
      { ...detected("openai"), isForeign: true },
    ],
    null,
    "none_usable",
  ],
  [
    "not an agent that leads to a gateway which has an adapter of its own",
    [detected("openclaw", "stopped"), { ...detected("acp"), leadsTo: "openclaw" }, detected("openai")],
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

  test("may lead to a gateway when the kind was asked for", () => {
    const found = [setUp("openclaw"), { ...detected("acp"), leadsTo: "openclaw" } as const];
    expect(chooseDetected(found, "acp").chosen?.kind).toBe("acp");
  });

  test("is told with how to have the one that is ready instead", () => {
    const found = [
      setUp("openclaw"),
      { ...detected("acp"), leadsTo: "openclaw" } as const,
      detected("openai"),
    ];
    expect(describeChoice(chooseDetected(found, null))).toBe(
      "using openclaw at http://127.0.0.1/openclaw, which is set up here and does not run yet; passed over: " +
        "acp (leads to the gateway of openclaw), openai at http://127.0.0.1/openai (ready, comes later)" +
        "; to use openai instead: --runtime openai",
    );
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

  test("never is another user's, never a server while a claw is set up, and all are accounted for", () => {
    const runtime = fc
      .tuple(
        fc.constantFrom(...runtimePreference),
        fc.constantFrom("ready", "stopped", "not_ready"),
        fc.boolean(),
        fc.boolean(),
      )
      .map(([kind, state, hasProgram, isForeign]) => ({
        ...detected(kind, state),
        program: hasProgram ? "/bin/program" : null,
        isForeign,
      }));
    fc.assert(
      fc.property(fc.array(runtime, { maxLength: 12 }), (found) => {
        const choice = chooseDetected(found, null);
        const own = found.filter(({ isForeign }) => !isForeign);
        const isClaw = ({ kind }: DetectedRuntime) => kind === "openclaw" || kind === "zeroclaw";
        const hasClaw = own.some((one) => isClaw(one) && (one.state !== "stopped" || one.program !== null));
        expect(choice.passedOver.length + (choice.chosen === null ? 0 : 1)).toBe(found.length);
        expect(choice.chosen).toBe(chooseDetected(own, null).chosen);
        if (hasClaw) expect(choice.chosen).toSatisfy((one) => one !== null && isClaw(one));
        else if (choice.chosen !== null) expect(choice.chosen.state).toBe("ready");
        if (own.some(({ state }) => state === "ready")) expect(choice.chosen).not.toBeNull();
      }),
    );
  });
});
