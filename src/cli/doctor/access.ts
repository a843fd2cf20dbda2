import { MeshError } from "../../protocol/errors.ts";
import { contract } from "../../protocol/http/contract.ts";
import type { NodeInfo } from "../../protocol/node.ts";
import type { CliContext } from "../context.ts";
import { type Check, failed, ok } from "./check.ts";
import type { Target } from "./target.ts";
import { questionLimitMs } from "./way.ts";

export interface Access {
  readonly check: Check;
  /** null: not to be had with this token. */
  readonly nodes: readonly NodeInfo[] | null;
  /** Why there are none, where it is not that nobody answered. */
  readonly skipReason?: string;
}

/** Whether the token opens what it is for. A node's own shows that node alone. */
export async function checkAccess({ texts }: CliContext, target: Target): Promise<Access> {
  const { doctor } = texts;
  const { client, token } = target.connection;
  const timeoutMs = questionLimitMs;
  try {
    if (target.isNodeToken && target.place !== null) {
      const params = { id: target.place.nodeId };
      const node = await client.call(contract.getNode, { params }, { timeoutMs });
      return { check: ok("token", doctor.tokenFrom(token?.origin ?? "")), nodes: [node] };
    }
    const nodes = await client.listNodes({ timeoutMs });
    return { check: ok("token", token === null ? doctor.noToken : doctor.tokenFrom(token.origin)), nodes };
  } catch (error) {
    const check = failed("token", error);
    if (!(error instanceof MeshError)) throw error;
    if (target.isNodeToken && (error.exitCode === 4 || error.exitCode === 5)) {
      return {
        check: { ...check, message: doctor.nodeTokenRefused, remedy: doctor.nodeTokenRemedy },
        nodes: null,
      };
    }
    if (error.exitCode !== 4) return { check, nodes: null };
    // A good token, for something else: one that only sends, for instance.
    if (error.code === "SCOPE_MISSING" && token !== null)
      return {
        check: ok("token", doctor.tokenFrom(token.origin)),
        nodes: null,
        skipReason: doctor.mayNotList,
      };
    if (token === null)
      return { check: { ...check, message: doctor.noToken, remedy: doctor.noTokenRemedy }, nodes: null };
    return { check: { ...check, message: doctor.tokenRefused(token.origin) }, nodes: null };
  }
}
