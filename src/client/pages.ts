import { MeshError } from "../protocol/errors.ts";
import { contract } from "../protocol/http/contract.ts";
import type { NodeInfo } from "../protocol/node.ts";
import { maxTaskPage, type TaskFilter, type TaskSummary } from "../protocol/task.ts";
import type { AnswerOf, CallInput, CallOptions } from "./call-types.ts";
import type { MeshClient } from "./mesh-client.ts";

export interface PageOptions extends CallOptions {
  /** Entries asked for at once. Default: as many as a page may have. */
  readonly pageSize?: number;
}

/** Pages of a list at most; a cursor that never ends is a fault of the other side. */
const maxPages = 1000;

/** Lists that come page by page. */
export function createPages({ baseUrl, request, call }: Pick<MeshClient, "baseUrl" | "request" | "call">) {
  async function listNodes(callOptions?: CallOptions): Promise<readonly NodeInfo[]> {
    const nodes: NodeInfo[] = [];
    let cursor: string | null = null;
    for (let page = 0; page < maxPages; page += 1) {
      const query: { cursor?: string } = cursor === null ? {} : { cursor };
      const { answer, headers } = await request(contract.listNodes, { query }, callOptions);
      nodes.push(...answer);
      cursor = nextCursor(headers.get("link"));
      if (cursor === null) return nodes;
    }
    throw new MeshError("NOT_A_COORDINATOR", `${baseUrl} lists its nodes on more than ${maxPages} pages`);
  }

  async function* tasks(
    filter: TaskFilter = {},
    { pageSize = maxTaskPage, ...callOptions }: PageOptions = {},
  ): AsyncGenerator<TaskSummary, void, void> {
    let cursor: string | null = null;
    do {
      const query: CallInput<typeof contract.listTasks>["query"] = {
        ...filter,
        limit: pageSize,
        ...(cursor === null ? {} : { cursor }),
      };
      const page: AnswerOf<typeof contract.listTasks> = await call(
        contract.listTasks,
        { query },
        callOptions,
      );
      yield* page.tasks;
      if (page.next_cursor !== null && page.next_cursor === cursor) {
        throw new MeshError("NOT_A_COORDINATOR", `${baseUrl} gives the same page of tasks again and again`);
      }
      cursor = page.next_cursor;
    } while (cursor !== null);
  }

  return { listNodes, tasks };
}

/** The cursor of `<…?cursor=x>; rel="next"`; null on the last page. */
function nextCursor(link: string | null): string | null {
  const next = link?.split(",").find((part) => /;\s*rel="?next"?/.test(part));
  const target = /<([^>]*)>/.exec(next ?? "")?.[1];
  if (target === undefined) return null;
  return new URLSearchParams(target.split("?")[1] ?? "").get("cursor");
}
