import { describe, expect, test } from "bun:test";
import { checkFlushOrder, checkOfferOrder } from "./flush-order.ts";
import { parseTrace } from "./parse-trace.ts";

const statusLine = "HTTP/1.1 202 ";
const one = `task_${"1".repeat(32)}`;
const two = `task_${"2".repeat(32)}`;
const wal = "9</d/mesh.db-wal>";

const begins = String.raw`7 1.0 pwrite64(${wal}, "\0\0\0\7\0\0\0\0\307!\351\353", 24, 0) = 24`;
const commits = String.raw`7 1.0 pwrite64(${wal}, "\0\0\0\7\0\0\0\20\307!\351\353", 24, 0) = 24`;
const page = (...ids: readonly string[]) =>
  `7 1.0 pwrite64(${wal}, "\\r\\0${ids.join("\\0")}", 8192, 24) = 8192`;
const flushes = `7 1.0 fsync(${wal}) = 0`;
const flushBegins = `8 1.0 fdatasync(${wal} <unfinished ...>`;
const flushEnds = `8 1.0 <... fdatasync resumed>) = 0`;
const answers = (id: string) =>
  `7 1.0 sendto(22<socket:[1]>, "HTTP/1.1 202 Accepted\\r\\n\\r\\n{\\"id\\":\\"${id}\\"}", 99, 0, NULL, 0) = 99`;

function check(...lines: readonly string[]): Readonly<Record<string, boolean>> {
  const found = checkFlushOrder(parseTrace(lines.join("\n")), statusLine);
  return Object.fromEntries(found.map(({ taskId, isCovered }) => [taskId, isCovered]));
}

describe("an acknowledgement is covered", () => {
  test("when commit, flush and answer followed one another", () => {
    expect(check(commits, page(one), flushes, answers(one))).toEqual({ [one]: true });
  });

  test("when the flush ran in another thread while other answers were written", () => {
    const lines = [commits, page(one), flushBegins, commits, page(one, two), flushEnds, answers(one)];
    expect(check(...lines)).toEqual({ [one]: true });
  });

  test("by any flush that is quick enough, whichever began first", () => {
    const lines = [commits, page(one), flushBegins, flushes, answers(one), flushEnds];
    expect(check(...lines)).toEqual({ [one]: true });
  });
});

describe("an acknowledgement is not covered", () => {
  test("when the answer was written before the flush", () => {
    expect(check(commits, page(one), answers(one), flushes)).toEqual({ [one]: false });
  });

  test("when the answer was written while the flush was going on", () => {
    expect(check(commits, page(one), flushBegins, answers(one), flushEnds)).toEqual({ [one]: false });
  });

  test("when the flush began before its pages were in the file", () => {
    const lines = [
      commits,
      page(one),
      flushBegins,
      commits,
      page(one, two),
      flushEnds,
      answers(one),
      answers(two),
    ];
    expect(check(...lines)).toEqual({ [one]: true, [two]: false });
  });

  test("when the flush began before the end of its transaction was in the file", () => {
    const lines = [begins, page(one), flushBegins, commits, page("other"), flushEnds, answers(one)];
    expect(check(...lines)).toEqual({ [one]: false });
  });

  test("when the flush failed, was of another file, or there was none", () => {
    const failed = `7 1.0 fsync(${wal}) = -1 EIO (Input/output error)`;
    const other = "7 1.0 fsync(9</d/journal.db-wal>) = 0";
    expect(check(commits, page(one), failed, other, answers(one))).toEqual({ [one]: false });
  });

  test("when its task was never written", () => {
    expect(check(commits, page(two), flushes, answers(one))).toEqual({ [one]: false });
  });
});

describe("an offer", () => {
  const offers = (id: string) =>
    `7 1.0 sendto(22<socket:[1]>, "\\201~\\0{\\"type\\":\\"offer\\",\\"task\\":\\"${id}\\"}", 99, 0, NULL, 0) = 99`;
  const isCovered = (...lines: readonly string[]) =>
    checkOfferOrder(parseTrace(lines.join("\n"))).map((offer) => offer.isCovered);

  test("is covered by a flush after the newest commit of its task", () => {
    const accepted = [commits, page(one), flushes];
    expect(isCovered(...accepted, offers(one))).toEqual([true]);
    expect(isCovered(...accepted, commits, page(one), offers(one), flushes)).toEqual([false]);
    expect(isCovered(...accepted, commits, page(one), flushes, offers(one))).toEqual([true]);
    expect(isCovered(offers(one))).toEqual([false]);
  });
});

test("answers of another kind, and frames on a link, are no acknowledgements", () => {
  const link = `7 1.0 sendto(22<socket:[1]>, "[{\\"type\\":\\"offer\\",\\"task\\":\\"${one}\\"}]", 99, 0, NULL, 0) = 99`;
  expect(check(link, answers(one).replace("202", "200"))).toEqual({});
});
