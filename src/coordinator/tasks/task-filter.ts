import { allowsAnyOf } from "../../domain/routing/index.ts";
import { fromIsoTime } from "../../platform/clock.ts";
import { issueLines, MeshError } from "../../protocol/errors.ts";
import { FailureClass, RuntimeErrorKind } from "../../protocol/failure.ts";
import { NodeId, TaskId } from "../../protocol/ids.ts";
import { type Labels, MessageLabels } from "../../protocol/rule.ts";
import { type TaskFilter, TaskState } from "../../protocol/task.ts";
import type { TaskOutline, TaskQuery } from "../../store/tasks.ts";
import type { NodeRegistry } from "../nodes/registry.ts";
import type { Groups } from "../routing/groups.ts";

/** A filter as the store understands it, and what is left of it. */
export interface TaskSelection {
  readonly query: TaskQuery;
  /** Applied to what the query finds. */
  readonly fits: (task: TaskOutline) => boolean;
}

/** Who looks for tasks. */
export interface TaskViewer {
  /** Id of the token whose tasks alone he finds; null: all. */
  readonly subject: string | null;
  /** Groups of which he may know the members; null: all. */
  readonly groups: readonly string[] | null;
}

/** Reads the filters of lists and bulk calls against the mesh as it is now. */
export interface TaskFilters {
  /** Throws QUERY_INVALID; NODE_NOT_FOUND or GROUP_NOT_FOUND only to who sees all tasks, and so may know all names. */
  readonly select: (filter: TaskFilter, viewer: TaskViewer) => TaskSelection;
}

interface TaskFilterOptions {
  readonly registry: Pick<NodeRegistry, "nodes" | "findKnown">;
  readonly groups: Pick<Groups, "list" | "of">;
  /** Id of the token that has, or had, this name; null: none that is known. */
  readonly subjectNamed: (name: string) => string | null;
}

export function createTaskFilters({ registry, groups, subjectNamed }: TaskFilterOptions): TaskFilters {
  function nodeIdOf(idOrName: string): NodeId {
    const node = registry.findKnown(idOrName);
    if (node !== null) return node.id;
    // One that was removed has no name any more; its id stands in the history.
    const id = NodeId.safeParse(idOrName);
    if (id.success) return id.data;
    throw new MeshError("NODE_NOT_FOUND", `node "${idOrName}" not found`);
  }

  function groupOf(name: string): { readonly name: string; readonly nodeIds: readonly NodeId[] } {
    const key = name.toLowerCase();
    const group = groups.list().find((one) => one.name.toLowerCase() === key);
    if (group === undefined) throw new MeshError("GROUP_NOT_FOUND", `There is no group "${name}".`);
    const listed = group.nodes.flatMap((member) => registry.findKnown(member)?.id ?? []);
    const present = registry.nodes.filter((node) => groups.of(node).includes(group.name)).map(({ id }) => id);
    return { name: group.name, nodeIds: [...new Set([...listed, ...present])] };
  }

  /** A task of the group is one of its nodes, or one that was sent to the group. With a node both have to hold. */
  function placesOf({ node, group: groupName }: TaskFilter): Pick<TaskQuery, "nodeIds" | "target"> & {
    readonly fits: TaskSelection["fits"];
  } {
    const group = groupName === undefined ? null : groupOf(groupName);
    if (node === undefined) {
      return { nodeIds: group?.nodeIds ?? null, target: group?.name ?? null, fits: () => true };
    }
    const nodeId = nodeIdOf(node);
    const isMember = group === null || group.nodeIds.includes(nodeId);
    return {
      nodeIds: [nodeId],
      target: null,
      fits: ({ target }) => isMember || target?.toLowerCase() === group?.name.toLowerCase(),
    };
  }

  /** A name that is not there finds nothing, like one that is there and has none of the caller's tasks. */
  function knownPlacesOf(filter: TaskFilter, viewer: TaskViewer): ReturnType<typeof placesOf> {
    const nothing = { nodeIds: [], target: null, fits: () => false };
    if (filter.group !== undefined && !allowsAnyOf(viewer.groups, [filter.group])) return nothing;
    try {
      return placesOf(filter);
    } catch (error) {
      const isUnknown =
        error instanceof MeshError && (error.code === "NODE_NOT_FOUND" || error.code === "GROUP_NOT_FOUND");
      if (!isUnknown) throw error;
      return nothing;
    }
  }

  /** A name of a token is told only to who sees all tasks; to others all but their own is like one that is not there. */
  function sendersOf({ subject: asked }: TaskFilter, { subject: own }: TaskViewer) {
    if (asked === undefined) return { subject: own, isNobody: false };
    if (own === null) return { subject: subjectNamed(asked) ?? asked, isNobody: false };
    return { subject: own, isNobody: asked !== own };
  }

  return {
    select: (filter, viewer) => {
      const places = viewer.subject === null ? placesOf(filter) : knownPlacesOf(filter, viewer);
      const { nodeIds, target } = places;
      const { subject, isNobody } = sendersOf(filter, viewer);
      const fits = isNobody ? () => false : places.fits;
      const query: TaskQuery = {
        subject,
        nodeIds,
        target,
        states: filter.state === undefined ? null : words(filter.state).map((word) => TaskState.parse(word)),
        source: filter.source === undefined ? null : sourceOf(filter.source),
        session: filter.session ?? null,
        labels: filter.label === undefined ? {} : labelsOf(filter.label),
        ...failuresOf(filter),
        sinceMs: filter.since === undefined ? null : fromIsoTime(filter.since),
        untilMs: filter.until === undefined ? null : fromIsoTime(filter.until),
        isDeadLetter: filter.dead_letter === undefined ? null : filter.dead_letter === "true",
      };
      return { query, fits };
    },
  };
}

/** A word that is no class is a kind of `runtime_error`. */
function failuresOf(filter: TaskFilter): Pick<TaskQuery, "failureClasses" | "failureKinds"> {
  if (filter.class === undefined) return { failureClasses: null, failureKinds: null };
  const given = words(filter.class);
  return {
    failureClasses: FailureClass.options.filter((option) => given.includes(option)),
    failureKinds: RuntimeErrorKind.options.filter((option) => given.includes(option)),
  };
}

function words(text: string): readonly string[] {
  return [...new Set(text.split(","))];
}

function sourceOf(text: string): TaskQuery["source"] {
  return text.endsWith("*") ? { text: text.slice(0, -1), isPrefix: true } : { text, isPrefix: false };
}

function labelsOf(text: string): Labels {
  const pairs = text.split(",").map((pair): readonly [string, string] => {
    const at = pair.indexOf("=");
    if (at < 1)
      throw new MeshError("QUERY_INVALID", `The label filter "${pair}" is not of the form key=value.`);
    return [pair.slice(0, at), pair.slice(at + 1)];
  });
  if (new Set(pairs.map(([key]) => key)).size < pairs.length) {
    throw new MeshError("QUERY_INVALID", "The label filter names a key twice.");
  }
  const parsed = MessageLabels.safeParse(Object.fromEntries(pairs));
  if (!parsed.success) {
    const problem = issueLines(parsed.error)[0];
    throw new MeshError("QUERY_INVALID", `The label filter names what no label can be: ${problem}.`);
  }
  // A pair that got lost on the way would make the filter fit what it was not meant for.
  if (Object.keys(parsed.data).length < pairs.length) {
    throw new MeshError("QUERY_INVALID", "The label filter names what no label can be.");
  }
  return parsed.data;
}

/** Where the next page begins, as clients carry it: they are not meant to look inside. */
export function printTaskCursor(id: TaskId): string {
  return Buffer.from(id).toString("base64url");
}

/** Throws QUERY_INVALID. */
export function parseTaskCursor(cursor: string): TaskId {
  const id = TaskId.safeParse(Buffer.from(cursor, "base64url").toString());
  if (id.success) return id.data;
  throw new MeshError("QUERY_INVALID", "This cursor is not one of a list of tasks.");
}
