import type { Log } from "../platform/log.ts";
import type { WelcomeFrame } from "../protocol/link/v1/frames.ts";
import { Secret } from "../protocol/secret.ts";
import type { KeptTrust } from "./coordinator-trust.ts";
import type { Identity, NodeFile } from "./identity.ts";

export interface NodeRecordDeps {
  readonly identity: Identity;
  /** What another mesh's coordinator granted before this identity was opened; null: nothing. */
  readonly granted: Pick<NodeFile, "node_id" | "token"> | null;
  readonly coordinatorUrl: string;
  readonly name: string;
  /** What is kept to know the coordinator by; default null: nothing. */
  readonly keptTrust?: () => KeptTrust | null;
  readonly nowMs: () => number;
  readonly log: Log;
}

/** What this node knows of itself in its mesh, kept in `node.json` as welcomes bring it. */
export interface NodeRecord {
  /** null before the first welcome. */
  readonly current: () => NodeFile | null;
  /** Takes what a welcome grants; the write follows. A failure is logged, and the next welcome tries again. */
  readonly take: (welcome: WelcomeFrame) => void;
  /** Resolves when the newest is written; rejects with DATA_DIR_UNUSABLE. */
  readonly saved: () => Promise<void>;
}

export function createNodeRecord(deps: NodeRecordDeps): NodeRecord {
  const { identity, granted } = deps;
  const joinedAtMs = deps.nowMs();
  const toFile = ({ node_id, token }: Pick<NodeFile, "node_id" | "token">): NodeFile => {
    const tls = deps.keptTrust?.() ?? null;
    const file = {
      node_id,
      token,
      coordinator_url: deps.coordinatorUrl,
      name: deps.name,
      joined_at_ms: joinedAtMs,
    };
    return tls === null ? file : { ...file, tls };
  };
  let current = granted === null ? identity.current() : toFile(granted);
  let isSaved = granted === null;
  let saving: Promise<void> = Promise.resolve();

  const save = (file: NodeFile) => {
    if (isSaved && current !== null && isSame(file, current)) return;
    current = file;
    isSaved = true;
    const write = () => identity.save(file);
    saving = saving.then(write, write);
    saving.catch((error: unknown) => {
      isSaved = false;
      deps.log.error("node.json could not be written", { error });
    });
  };

  return {
    current: () => current,
    take: (welcome) => {
      const token = welcome.token === undefined ? current?.token : new Secret(welcome.token);
      if (token !== undefined) save(toFile({ node_id: welcome.node_id, token }));
    },
    saved: () => saving,
  };
}

function isSame(one: NodeFile, other: NodeFile): boolean {
  const toText = (file: NodeFile) => JSON.stringify({ ...file, token: file.token.reveal() });
  return toText(one) === toText(other);
}
