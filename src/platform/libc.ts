import { readdir } from "node:fs/promises";
import { z } from "zod";
import { machinePlatform } from "./machine.ts";

/** A C library of Linux. */
export interface Libc {
  readonly name: "glibc" | "musl";
  /** null: it does not tell. */
  readonly version: string | null;
}

const Report = z.object({ header: z.object({ glibcVersionRuntime: z.string().min(1) }) });

/** The C library that programs of this machine run with; null on other systems than Linux, or when nothing tells. */
export async function readLibc(): Promise<Libc | null> {
  if (machinePlatform !== "linux") return null;
  // glibc puts its version into the process itself.
  const report = Report.safeParse(process.report.getReport());
  if (report.success) return { name: "glibc", version: report.data.header.glibcVersionRuntime };
  // musl's loader is its library, and its name says so.
  const files = await readdir("/lib").catch((): readonly string[] => []);
  return files.some((file) => file.startsWith("ld-musl-")) ? { name: "musl", version: null } : null;
}
