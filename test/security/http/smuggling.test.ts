import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type ProbeResult, probe } from "../../support/raw-http.ts";
import { createTestCoordinator, type TestCoordinator } from "../../support/test-coordinator.ts";

let mesh: TestCoordinator;
beforeAll(async () => {
  mesh = await createTestCoordinator();
});
afterAll(() => mesh[Symbol.asyncDispose]());

/** What a proxy in front takes for a part of the first request, and a careless server for the next one. */
const hidden = "GET /hidden HTTP/1.1\r\nHost: x\r\n\r\n";

const post = (headers: string, body: string, version = "1.1") =>
  `POST /api/v1/route/explain HTTP/${version}\r\nHost: x\r\nAuthorization: Bearer test-admin-token\r\n${headers}\r\n${body}`;
const get = (headers: string, rest = "", version = "HTTP/1.1") =>
  `GET /healthz ${version}\r\nHost: x\r\n${headers}\r\n${rest}`;
const chunked = (body: string) => post("Transfer-Encoding: chunked\r\n", body);

const isRefusal = (status: number) => (status >= 400 && status < 500) || status === 505;

function expectNothingHidden({ answers }: ProbeResult): void {
  for (const { body } of answers) expect(body).not.toContain("/hidden");
}

/** Nobody can say for certain where these end. */
const doubtful: readonly (readonly [string, string])[] = [
  ["a length and chunks", post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", `0\r\n\r\n${hidden}`)],
  ["chunks and a length", post("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", `0\r\n\r\n${hidden}`)],
  ["two lengths", post(`Content-Length: 0\r\nContent-Length: ${hidden.length}\r\n`, hidden)],
  ["a list of lengths", post("Content-Length: 2, 2\r\n", `{}${hidden}`)],
  ["a list of two lengths", post(`Content-Length: 0, ${hidden.length}\r\n`, hidden)],
  ["a length with a plus", post("Content-Length: +2\r\n", `{}${hidden}`)],
  ["a length below zero", post("Content-Length: -1\r\n", hidden)],
  ["a hexadecimal length", post("Content-Length: 0x2\r\n", `{}${hidden}`)],
  ["a length with a fraction", post("Content-Length: 2.0\r\n", `{}${hidden}`)],
  ["two numbers for a length", post("Content-Length: 2 2\r\n", `{}${hidden}`)],
  ["an empty length", post("Content-Length:\r\n", hidden)],
  ["a length that overflows", post("Content-Length: 18446744073709551618\r\n", `{}${hidden}`)],
  ["a space before the colon of the length", post("Content-Length : 2\r\n", `{}${hidden}`)],
  ["an unknown coding", post("Transfer-Encoding: xchunked\r\n", `0\r\n\r\n${hidden}`)],
  ["the coding identity", post("Transfer-Encoding: identity\r\n", hidden)],
  ["identity and a length", post("Transfer-Encoding: identity\r\nContent-Length: 2\r\n", `{}${hidden}`)],
  ["gzip before chunks", post("Transfer-Encoding: gzip, chunked\r\n", `0\r\n\r\n${hidden}`)],
  ["chunks before identity", post("Transfer-Encoding: chunked, identity\r\n", `0\r\n\r\n${hidden}`)],
  [
    "chunks named twice",
    post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", `0\r\n\r\n${hidden}`),
  ],
  [
    "chunks, then identity in a second header",
    post("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", `0\r\n\r\n${hidden}`),
  ],
  ["a space before the colon of the coding", post("Transfer-Encoding : chunked\r\n", `0\r\n\r\n${hidden}`)],
  ["a quoted coding", post('Transfer-Encoding: "chunked"\r\n', `0\r\n\r\n${hidden}`)],
  ["a vertical tab before the coding", post("Transfer-Encoding: \x0bchunked\r\n", `0\r\n\r\n${hidden}`)],
  ["a space before the name of the header", post(" Transfer-Encoding: chunked\r\n", `0\r\n\r\n${hidden}`)],
  ["a folded header", post("Transfer-Encoding:\r\n chunked\r\n", `0\r\n\r\n${hidden}`)],
  ["chunks in HTTP/1.0", post("Transfer-Encoding: chunked\r\n", `0\r\n\r\n${hidden}`, "1.0")],
  ["a chunk size that ends in a line feed", chunked(`2\n{}\n0\n\n${hidden}`)],
  ["a chunk extension that ends in a line feed", chunked(`2;\n{}\r\n0\r\n\r\n${hidden}`)],
  ["a chunk size with a prefix", chunked(`0x2\r\n{}\r\n0\r\n\r\n${hidden}`)],
  ["a chunk size with a space behind it", chunked(`2 \r\n{}\r\n0\r\n\r\n${hidden}`)],
  ["a chunk size with a space before it", chunked(` 2\r\n{}\r\n0\r\n\r\n${hidden}`)],
  ["a chunk size with a plus", chunked(`+2\r\n{}\r\n0\r\n\r\n${hidden}`)],
  ["a chunk size below zero", chunked(`-1\r\n{}\r\n0\r\n\r\n${hidden}`)],
  ["a chunk size that overflows", chunked(`10000000000000002\r\n{}\r\n0\r\n\r\n${hidden}`)],
  ["an empty chunk size", chunked(`\r\n{}\r\n0\r\n\r\n${hidden}`)],
  ["more in a chunk than its size", chunked(`2\r\n{}XX\r\n0\r\n\r\n${hidden}`)],
  ["no line end behind a chunk", chunked(`2\r\n{}0\r\n\r\n${hidden}`)],
  ["lines that end in line feeds", `GET /healthz HTTP/1.1\nHost: x\n\n${hidden}`],
  ["lines that end in carriage returns", `GET /healthz HTTP/1.1\rHost: x\r\r${hidden}`],
  ["a carriage return within a header", get(`X: a\rContent-Length: ${hidden.length}\r\n`, hidden)],
  ["a line feed within a header", get("X: a\nTransfer-Encoding: chunked\r\n", hidden)],
  ["a null byte in a value", get("X: a\0b\r\n", hidden)],
  ["a null byte in a name", get("X\0: a\r\n", hidden)],
  ["a header that goes on in the next line", get("X: a\r\n b\r\n", hidden)],
  ["a header without a colon", get("nonsense\r\n", hidden)],
  ["a header without a name", get(": a\r\n", hidden)],
  ["no Host", `GET /healthz HTTP/1.1\r\n\r\n${hidden}`],
  ["HTTP/0.9", `GET /healthz\r\n\r\n${hidden}`],
  ["HTTP/1.2", get("", hidden, "HTTP/1.2")],
  ["HTTP/9.9", get("", hidden, "HTTP/9.9")],
  ["HTTP in lower case", get("", hidden, "http/1.1")],
  ["the beginning of HTTP/2", `PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n${hidden}`],
  ["two spaces in the first line", `GET  /healthz HTTP/1.1\r\nHost: x\r\n\r\n${hidden}`],
  ["tabs in the first line", `GET\t/healthz\tHTTP/1.1\r\nHost: x\r\n\r\n${hidden}`],
  ["a space in the target", `GET /health z HTTP/1.1\r\nHost: x\r\n\r\n${hidden}`],
  ["empty lines before the first", `\r\n\r\n${get("", hidden)}`],
  ["OPTIONS of the whole server", `OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n${hidden}`],
];

describe("a request whose end is in doubt is refused, and the connection closed", () => {
  test.each(doubtful)("%s", async (_, bytes) => {
    const result = await probe(mesh.port(), bytes);
    expectNothingHidden(result);
    expect(result.isClosed).toBe(true);
    expect(result.answers.map(({ status }) => isRefusal(status))).toEqual([true]);
  });
});

/** These are one request each, whatever they hold. */
const whole: readonly (readonly [string, string])[] = [
  ["two lengths that agree", post("Content-Length: 2\r\nContent-Length: 2\r\n", "{}")],
  ["blanks around the length", post("Content-Length: \t 2 \r\n", "{}")],
  ["a length with a zero before it", post("Content-Length: 02\r\n", "{}")],
  ["a coding in capitals", post("Transfer-Encoding: CHUNKED\r\n", "2\r\n{}\r\n0\r\n\r\n")],
  ["a tab before the coding", post("Transfer-Encoding:\tchunked\r\n", "2\r\n{}\r\n0\r\n\r\n")],
  ["a chunk extension", chunked("2;a=b\r\n{}\r\n0\r\n\r\n")],
  [
    "a length that the connection shall drop",
    post("Connection: Content-Length\r\nContent-Length: 2\r\n", "{}"),
  ],
  ["an expectation that nobody knows", post("Expect: magic\r\nContent-Length: 2\r\n", "{}")],
  ["a body of GET", get(`Content-Length: ${hidden.length}\r\n`, hidden)],
  ["chunks of GET", get("Transfer-Encoding: chunked\r\n", "0\r\n\r\n")],
  [
    "a body that nobody reads, at an unknown path",
    `POST /nothing HTTP/1.1\r\nHost: x\r\nContent-Length: ${hidden.length}\r\n\r\n${hidden}`,
  ],
  [
    "a body that nobody reads, without a token",
    `POST /api/v1/route HTTP/1.1\r\nHost: x\r\nContent-Length: ${hidden.length}\r\n\r\n${hidden}`,
  ],
  [
    "chunks that nobody reads, without a token",
    `POST /api/v1/route HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n${hidden.length.toString(16)}\r\n${hidden}\r\n0\r\n\r\n`,
  ],
  ["two Host headers", "GET /healthz HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"],
  ["an empty Host", "GET /healthz HTTP/1.1\r\nHost:\r\n\r\n"],
  ["a Host with a path", "GET /healthz HTTP/1.1\r\nHost: a/b\r\n\r\n"],
  ["a Host with a user", "GET /healthz HTTP/1.1\r\nHost: user@a\r\n\r\n"],
  ["a target with another host", "GET http://evil.test/healthz HTTP/1.1\r\nHost: x\r\n\r\n"],
  [
    "an upgrade to HTTP/2",
    get(
      "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n",
    ),
  ],
  [
    "an upgrade that lacks its key",
    `GET /api/v1/link HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer test-admin-token\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n`,
  ],
  ["CONNECT", "CONNECT evil.test:443 HTTP/1.1\r\nHost: evil.test\r\n\r\n"],
  ["TRACE", "TRACE / HTTP/1.1\r\nHost: x\r\nX-Secret: canary\r\n\r\n"],
];

describe("is exactly one request", () => {
  test.each(whole)("%s", async (_, bytes) => {
    const result = await probe(mesh.port(), bytes);
    expectNothingHidden(result);
    expect(result.answers).toHaveLength(1);
    expect(result.answers[0]?.body).not.toContain("canary");
  });

  test("one that waits for leave to send its body", async () => {
    const bytes = post("Expect: 100-continue\r\nContent-Length: 2\r\n", "{}");
    const { answers } = await probe(mesh.port(), bytes);
    expect(answers.map(({ status }) => status)).toEqual([100, 400]);
  });
});

test.each([
  "HTTP/1.1\r\nHost: x\r\nConnection: close",
  "HTTP/1.0\r\nHost: x",
  "HTTP/1.0\r\nHost: x\r\nConnection: keep-alive",
])("nothing that follows %j on its connection is answered", async (rest) => {
  const result = await probe(mesh.port(), `GET /healthz ${rest}\r\n\r\n${hidden}`);
  expectNothingHidden(result);
  expect(result.answers.map(({ status }) => status)).toEqual([200]);
  expect(result.isClosed).toBe(true);
});

test.each(["X: y", "Content-Length: 50", "Transfer-Encoding: chunked", "Authorization: Bearer wrong"])(
  "a header behind the chunks (%s) changes nothing, and ends the connection",
  async (trailer) => {
    const result = await probe(mesh.port(), chunked(`2\r\n{}\r\n0\r\n${trailer}\r\n\r\n${hidden}`));
    expectNothingHidden(result);
    expect(result.answers.every(({ status }) => isRefusal(status))).toBe(true);
    expect(result.isClosed).toBe(true);
  },
);

test("the coordinator is as before after all of them", async () => {
  expect((await mesh.call("GET", "/healthz")).body.status).toBe("ok");
});
