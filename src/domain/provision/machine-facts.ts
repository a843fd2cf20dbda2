/** What a machine offers a runtime, as far as the choice of one depends on it. `provision/machine-probe.ts` finds it out. */
export interface MachineFacts {
  /** The platform's own names: `linux`, `darwin`, `win32`; `x64`, `arm64`, `arm`. */
  readonly platform: NodeJS.Platform;
  readonly arch: NodeJS.Architecture;
  /** Only on Linux; null elsewhere or when it cannot be told. */
  readonly libc: { readonly name: "glibc" | "musl"; readonly version: string | null } | null;
  /** Bytes that programs can still have. */
  readonly freeMemoryBytes: number;
  readonly totalMemoryBytes: number;
  /** Bytes free where a runtime would be installed. */
  readonly freeDiskBytes: number;
  /** Absolute path and version of npm on PATH; null: there is none. */
  readonly npm: { readonly path: string; readonly version: string | null } | null;
  /** The same of Node.js. */
  readonly node: { readonly path: string; readonly version: string | null } | null;
}
