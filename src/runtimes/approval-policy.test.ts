import { expect, test } from "bun:test";
import { choosePolicy } from "./approval-policy.ts";

test("a policy is what the operator set, except that a text of another owner is allowed nothing", () => {
  for (const policy of ["deny", "fail", "allow"] as const) expect(choosePolicy(policy, false)).toBe(policy);
  expect(choosePolicy("allow", true)).toBe("deny");
  expect(choosePolicy("fail", true)).toBe("fail");
  expect(choosePolicy("deny", true)).toBe("deny");
});
