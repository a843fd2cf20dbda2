import { expect, test } from "bun:test";
import { systemIds } from "../../platform/ids.ts";
import { MeshError } from "../../protocol/errors.ts";
import { onRevoked, tokenPrincipal, untilRevoked } from "./principal.ts";

function createCaller() {
  const controller = new AbortController();
  let listeners = 0;
  const add = controller.signal.addEventListener.bind(controller.signal);
  controller.signal.addEventListener = (...parts: Parameters<typeof add>) => {
    listeners += 1;
    add(...parts);
  };
  const grant = { id: systemIds.token(), scopes: [], groups: null, isUntrusted: false };
  const principal = tokenPrincipal(grant, controller.signal);
  const end = () => controller.abort(new MeshError("TOKEN_INVALID", "it is void"));
  return { principal, end, listeners: () => listeners };
}

test("however much a token has open, its signal has one listener, and all of it ends, once", () => {
  const { principal, end, listeners } = createCaller();
  const ended: number[] = [];
  const same = () => void ended.push(-1);
  for (let at = 0; at < 1_000; at += 1) onRevoked(principal, () => void ended.push(at));
  onRevoked(principal, same)();
  onRevoked(principal, same);
  onRevoked(principal, same);
  expect(listeners()).toBe(1);
  end();
  end();
  expect(ended).toEqual([...Array.from({ length: 1_000 }, (_, at) => at), -1, -1]);
});

test("what has ended by itself is not called, also when another's end ends it", () => {
  const { principal, end } = createCaller();
  const ended: string[] = [];
  onRevoked(principal, () => void ended.push("forgotten"))();
  onRevoked(principal, () => {
    ended.push("first");
    forgetSecond();
  });
  const forgetSecond = onRevoked(principal, () => void ended.push("second"));
  end();
  expect(ended).toEqual(["first"]);
  onRevoked(principal, () => void ended.push("late"));
  expect(ended).toEqual(["first", "late"]);
});

test("a wait ends with what comes first, the work or the token", async () => {
  const { principal, end } = createCaller();
  expect(await untilRevoked(principal, Promise.resolve("done"))).toBe("done");
  await expect(untilRevoked(principal, Promise.reject(new Error("failed")))).rejects.toThrow("failed");
  const waiting = untilRevoked(principal, new Promise(() => undefined));
  end();
  await expect(waiting).rejects.toMatchObject({ code: "TOKEN_INVALID" });
});
