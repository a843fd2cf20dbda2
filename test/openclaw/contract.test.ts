import { describe } from "bun:test";
import { runtimeContract } from "../contract/runtime.ts";
import { isOpenclawWanted } from "../support/openclaw/shared-gateway.ts";
import { openclawSubject } from "../support/openclaw/subject.ts";

describe.skipIf(!isOpenclawWanted)("against the real OpenClaw", () => {
  runtimeContract("openclaw", openclawSubject());
});
