import { type FileHandle, open, rename, rm, stat } from "node:fs/promises";
import { z } from "zod";
import { errorCodeOf, readTextIfExists, writeFileAtomic } from "../../platform/atomic-file.ts";
import { type Clock, delay } from "../../platform/clock.ts";
import { MeshError } from "../../protocol/errors.ts";
import { parseJsonText } from "../../protocol/json-text.ts";
import { readBoundedBody } from "../../runtimes/bounded-body.ts";
import { withFileFailures } from "./file-failure.ts";
import {
  type FetchFailure,
  fetchRelease,
  type ReleaseFetchDeps,
  toConnectionFailure,
} from "./release-fetch.ts";
import { type SilenceWatch, watchSilence } from "./silence-watch.ts";

/** Of one download, and of a list of checksums, in all: a server that sends a byte now and then is not waited for longer. */
const downloadLimitMs = 2 * 60 * 60_000;
const textLimitMs = 120_000;

/** Tries in a row that may bring nothing, and tries in all. */
const maxFruitlessTries = 3;
const maxTries = 40;

/** Pause before the next try; doubles with each that brought nothing. */
const firstPauseMs = 500;
const maxPauseMs = 8_000;

export interface DownloadRequest {
  readonly url: string;
  /** Where it is when all of it is there; until then it is `<file>.part`. */
  readonly file: string;
  readonly maxBytes: number;
  readonly signal: AbortSignal;
  readonly onBytes: (doneBytes: number, totalBytes: number | null) => void;
}

export interface DownloadDeps extends ReleaseFetchDeps {
  readonly clock: Clock;
}

/** What a partial file is a part of, so that the rest is asked for only of the same. */
const PartNote = z.object({ url: z.string(), validator: z.string() });

/** One try to get the rest. `more`: this many bytes are there, and some are missing. */
type TryOutcome = { readonly state: "whole" } | { readonly state: "more"; readonly failure: FetchFailure };

/**
 * Gets a file; goes on where an earlier call, also of another process, was cut off. A server that ignores this sends all of it again.
 * @returns whether a part of an earlier call was used
 * @throws MeshError DOWNLOAD_FAILED, DISK_FULL or RUNTIME_INSTALL_FAILED; the reason of `signal`
 */
export async function downloadFile(
  request: DownloadRequest,
  deps: DownloadDeps,
): Promise<{ readonly isResumed: boolean }> {
  const part = `${request.file}.part`;
  const startBytes = await sizeOf(part);
  const endsMs = deps.clock.monotonicMs() + downloadLimitMs;
  let fruitless = 0;
  for (let tries = 1; ; tries += 1) {
    const before = await sizeOf(part);
    const limitMs = endsMs - deps.clock.monotonicMs();
    const outcome = await withFileFailures(part, () => fetchRest({ request, part, limitMs }, deps)).catch(
      async (error: unknown) => {
        if (error instanceof MeshError && error.details?.is_too_large === true)
          await forgetDownload(request.file);
        throw error;
      },
    );
    if (outcome.state === "whole") break;
    const { failure } = outcome;
    const after = await sizeOf(part);
    fruitless = after > before ? 0 : fruitless + 1;
    const isHopeless = failure.kind === "final" || (failure.kind === "unreachable" && after === startBytes);
    if (isHopeless || fruitless >= maxFruitlessTries || tries >= maxTries) throw failure.error;
    await delay(deps.clock, Math.min(firstPauseMs * 2 ** fruitless, maxPauseMs), request.signal);
    request.signal.throwIfAborted();
  }
  await withFileFailures(request.file, async () => {
    await rename(part, request.file);
    await rm(noteFile(part), { force: true });
  });
  return { isResumed: startBytes > 0 };
}

/** Removes what a download left, whole or partial. */
export async function forgetDownload(file: string): Promise<void> {
  const part = `${file}.part`;
  for (const path of [file, part, noteFile(part)])
    await withFileFailures(path, () => rm(path, { force: true }));
}

interface RestRequest {
  readonly request: DownloadRequest;
  readonly part: string;
  /** What is left of {@link downloadLimitMs}. */
  readonly limitMs: number;
}

async function fetchRest({ request, part, limitMs }: RestRequest, deps: DownloadDeps): Promise<TryOutcome> {
  const { url } = request;
  const validator = await loadValidator(part, url);
  const haveBytes = validator === null ? 0 : await sizeOf(part);
  const silence = watchSilence(request.signal, limitMs, deps.clock);
  try {
    const headers: Record<string, string> =
      validator === null || haveBytes === 0 ? {} : { range: `bytes=${haveBytes}-`, "if-range": validator };
    const { response, failure } = await fetchRelease(
      url,
      { headers, signal: silence.signal, isRaw: true },
      deps,
    );
    if (failure !== null) return { state: "more", failure };
    const rest = readRestHead(response, haveBytes);
    if (rest === null) {
      await response.body?.cancel();
      // What is there is no part of what the server has.
      await forgetDownload(request.file);
      return { state: "more", failure: broken("the server does not go on where the download stopped") };
    }
    checkSize(rest.totalBytes, request);
    if (rest.startBytes === 0) {
      // First the old bytes go: they are no part of what the note will speak of.
      await rm(part, { force: true });
      await saveValidator(part, { url, validator: validatorOf(response) });
    }
    return await saveBody({ response, rest, part, request, silence }, deps);
  } catch (error) {
    if (silence.isLate()) return { state: "more", failure: tooSlow(url) };
    if (silence.isSilent()) return { state: "more", failure: broken("the server sent nothing any more") };
    throw error;
  } finally {
    silence.end();
  }
}

/** Where the body of an answer belongs, and how long the whole is; null: nowhere. */
interface RestHead {
  readonly startBytes: number;
  readonly totalBytes: number | null;
}

function readRestHead({ status, headers }: Response, haveBytes: number): RestHead | null {
  if (status === 200) return { startBytes: 0, totalBytes: toCount(headers.get("content-length")) };
  const range = /^bytes (?:(\d+)-\d+|\*)\/(\d+)$/.exec(headers.get("content-range") ?? "");
  const totalBytes = toCount(range?.[2] ?? null);
  if (status === 416) return totalBytes === haveBytes ? { startBytes: haveBytes, totalBytes } : null;
  return toCount(range?.[1] ?? null) === haveBytes ? { startBytes: haveBytes, totalBytes } : null;
}

interface BodyInput {
  readonly response: Response;
  readonly rest: RestHead;
  readonly part: string;
  readonly request: DownloadRequest;
  readonly silence: SilenceWatch;
}

async function saveBody(input: BodyInput, deps: DownloadDeps): Promise<TryOutcome> {
  const { response, rest, part, request, silence } = input;
  let doneBytes = rest.startBytes;
  const file = await open(part, rest.startBytes === 0 ? "w" : "r+", 0o600);
  try {
    request.onBytes(doneBytes, rest.totalBytes);
    await file.truncate(doneBytes);
    const body: ReadableStream<Uint8Array> | null = response.status === 416 ? null : response.body;
    const pieces = body?.[Symbol.asyncIterator]() ?? null;
    for (let piece = await readPiece(pieces, input, deps); piece.state !== "end"; ) {
      if (silence.isLate()) return { state: "more", failure: tooSlow(request.url) };
      if (piece.state === "broken") return { state: "more", failure: piece.failure };
      silence.heard();
      await writeAll(file, piece.bytes, doneBytes);
      doneBytes += piece.bytes.byteLength;
      checkSize(doneBytes, request);
      request.onBytes(doneBytes, rest.totalBytes);
      piece = await readPiece(pieces, input, deps);
    }
    await file.sync();
  } finally {
    await file.close();
  }
  const isWhole = rest.totalBytes === null || doneBytes === rest.totalBytes;
  return isWhole ? { state: "whole" } : { state: "more", failure: broken("the connection ended early") };
}

/** A disk that is nearly full takes less than it is given, and says so only the next time. */
async function writeAll(file: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let at = 0; at < bytes.byteLength; ) {
    const { bytesWritten } = await file.write(bytes, at, bytes.byteLength - at, position + at);
    at += bytesWritten;
  }
}

type Piece =
  | { readonly state: "data"; readonly bytes: Uint8Array }
  | { readonly state: "end" }
  | { readonly state: "broken"; readonly failure: FetchFailure };

/** Tells a broken connection from a disk that takes nothing. */
async function readPiece(
  pieces: AsyncIterator<Uint8Array> | null,
  { request }: BodyInput,
  deps: DownloadDeps,
): Promise<Piece> {
  if (pieces === null) return { state: "end" };
  try {
    const next = await pieces.next();
    return next.done === true ? { state: "end" } : { state: "data", bytes: next.value };
  } catch (error) {
    request.signal.throwIfAborted();
    const failure = toConnectionFailure(error, request.url, deps.env);
    return { state: "broken", failure: { ...failure, kind: "passing" } };
  }
}

function broken(reason: string): FetchFailure {
  return { error: new MeshError("DOWNLOAD_FAILED", `the download stopped: ${reason}`), kind: "passing" };
}

function tooSlow(url: string): FetchFailure {
  const { hostname, pathname } = new URL(url);
  const message = `${hostname} was too slow: ${pathname} is not there after two hours`;
  const hint = "Run the same command again: it goes on where it stopped.";
  return { error: new MeshError("DOWNLOAD_FAILED", message, { hint }), kind: "final" };
}

function checkSize(bytes: number | null, { url, maxBytes }: DownloadRequest): void {
  if (bytes === null || bytes <= maxBytes) return;
  throw new MeshError("DOWNLOAD_FAILED", `${new URL(url).pathname} has more than ${maxBytes} bytes`, {
    hint: "Nothing of that size was expected; check CLAW_MESH_ZEROCLAW_RELEASES.",
    details: { is_too_large: true },
  });
}

const noteFile = (part: string): string => `${part}.json`;

/** null: it is not known what the partial file is a part of. */
async function loadValidator(part: string, url: string): Promise<string | null> {
  const text = await readTextIfExists(noteFile(part));
  if (text === null) return null;
  try {
    const note = PartNote.safeParse(parseJsonText(text));
    return note.success && note.data.url === url && note.data.validator !== "" ? note.data.validator : null;
  } catch (error) {
    // Cut off by a crash: then all of it is got again.
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

async function saveValidator(part: string, note: z.infer<typeof PartNote>): Promise<void> {
  await writeFileAtomic(noteFile(part), `${JSON.stringify(note)}\n`, { mode: 0o600, overwrite: true });
}

/** A weak tag says nothing about bytes. */
function validatorOf({ headers }: Response): string {
  const etag = headers.get("etag");
  if (etag !== null && !etag.startsWith("W/")) return etag;
  return headers.get("last-modified") ?? "";
}

async function sizeOf(path: string): Promise<number> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if (errorCodeOf(error) === "ENOENT") return 0;
    throw error;
  }
}

function toCount(text: string | null): number | null {
  return text !== null && /^\d{1,15}$/.test(text) ? Number(text) : null;
}

/**
 * A small text file of a release.
 * @throws MeshError DOWNLOAD_FAILED; the reason of `signal`
 */
export async function fetchReleaseText(
  request: { readonly url: string; readonly maxBytes: number; readonly signal: AbortSignal },
  deps: DownloadDeps,
): Promise<string> {
  const endsMs = deps.clock.monotonicMs() + textLimitMs;
  for (let tries = 1; ; tries += 1) {
    const silence = watchSilence(request.signal, endsMs - deps.clock.monotonicMs(), deps.clock);
    try {
      const { response, failure } = await fetchRelease(
        request.url,
        { headers: {}, signal: silence.signal, isRaw: false },
        deps,
      );
      if (failure === null) {
        const text = await readBoundedBody(response, request.maxBytes);
        if (text !== null) return text;
        throw broken(`the list of checksums has more than ${request.maxBytes} bytes`).error;
      }
      if (failure.kind !== "passing" || tries >= maxFruitlessTries) throw failure.error;
    } catch (error) {
      if (error instanceof MeshError) throw error;
      request.signal.throwIfAborted();
      if (tries >= maxFruitlessTries || silence.isLate())
        throw toConnectionFailure(error, request.url, deps.env).error;
    } finally {
      silence.end();
    }
    await delay(deps.clock, firstPauseMs * 2 ** tries, request.signal);
    request.signal.throwIfAborted();
  }
}
