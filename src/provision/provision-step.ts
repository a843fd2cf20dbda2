/**
 * What an installation or setup does, step by step. `--dry-run` prints the same list that a real run goes through; every step
 * can be done by hand from what it says. Nothing here is a secret.
 */
export type ProvisionStep =
  | {
      readonly do: "run";
      /** What it is for: `node` a private Node.js, `openclaw` the program itself. */
      readonly installs: "node" | "openclaw";
      readonly version: string;
      /** Program and arguments, started without a shell. */
      readonly command: readonly string[];
      /** Bytes on disk afterwards, about. */
      readonly bytes: number;
    }
  | {
      /** A package of npm, as a file that is hashed before anything of it is installed. */
      readonly do: "fetch";
      readonly command: readonly string[];
      readonly to: string;
      /** The SHA-512 that it has to have; null: the one that the registry tells. */
      readonly integrity: string | null;
    }
  | { readonly do: "download"; readonly url: string; readonly to: string }
  | { readonly do: "verify"; readonly file: string; readonly checksumsUrl: string }
  /** Out of the archive, and asked for its version. */
  | { readonly do: "unpack"; readonly file: string; readonly program: string }
  /** The program that was there before stays at `to`, for a rollback. `link`: what it leads to when it is one; null: it is none. */
  | {
      readonly do: "keep_previous";
      readonly from: string;
      readonly to: string;
      readonly link: string | null;
    }
  | { readonly do: "place"; readonly to: string }
  /** `backup`: where the file that was there is kept; null: there is none. */
  | { readonly do: "write_config"; readonly path: string; readonly backup: string | null }
  | { readonly do: "start"; readonly command: readonly string[]; readonly logFile: string }
  | { readonly do: "wait_ready"; readonly url: string; readonly limitMs: number }
  | { readonly do: "pair"; readonly url: string };

/** What becomes of the steps, for people who wait. Steps come in order. */
export type ProvisionProgress =
  | { readonly step: ProvisionStep; readonly state: "started" | "done" }
  /** It was done by an earlier run. */
  | { readonly step: ProvisionStep; readonly state: "skipped"; readonly why: string }
  | {
      readonly step: ProvisionStep;
      readonly state: "moving";
      readonly doneBytes: number;
      /** null: not known. */
      readonly totalBytes: number | null;
    };

export type OnProvisionProgress = (progress: ProvisionProgress) => void;
