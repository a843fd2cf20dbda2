import type { Claim } from "../claim.ts";

const browsers = "test/security/http/browsers.test.ts";
const limits = "test/security/http/limits.test.ts";
const websocket = "test/security/http/websocket.test.ts";
const flood = "test/security/http/flood.test.ts";
const headers = "test/security/http/headers.test.ts";
const paths = "test/security/http/paths.test.ts";

export const httpClaims: readonly Claim[] = [
  {
    id: "http.one-request",
    claim:
      "Bytes of which a proxy and the coordinator could read different requests are refused, or are one request.",
    shownBy: [{ file: "test/security/http/smuggling.test.ts" }],
  },
  {
    id: "http.own-names",
    claim:
      "A browser that was led here by a name which is not the coordinator's gets nothing: no page, no login, no data.",
    shownBy: [
      { file: browsers, tests: "a name that a stranger may point at this machine (DNS rebinding)" },
      { file: browsers, tests: "a Host that is not one name or address is refused, whoever calls" },
    ],
  },
  {
    id: "http.own-pages",
    claim:
      "A page of another origin cannot use a login or a token: it changes nothing, reads nothing, logs nobody in or out, and locks nobody out.",
    shownBy: [
      { file: browsers, tests: "a change with a cookie has to come from the coordinator's own page (CSRF)" },
      { file: browsers, tests: "a reading with a cookie" },
      { file: browsers, tests: "a login or its end" },
      { file: browsers, tests: "a bearer token that a page shows" },
      { file: browsers, tests: "a page of somebody else does not make its reader pay" },
      { file: browsers, tests: "behind a proxy that speaks TLS for an allowed name" },
      { file: "test/security/http/browsers-tls.test.ts" },
    ],
  },
  {
    id: "http.own-sockets",
    claim: "A page of another origin cannot open a WebSocket, and no page opens one with a login.",
    shownBy: [
      { file: browsers, tests: "a WebSocket of a page (cross-site hijacking)" },
      { file: websocket, tests: "an upgrade is refused as plain HTTP" },
    ],
  },
  {
    id: "http.headers",
    claim:
      "Every answer of every route is kept from sniffing, caches and other origins; the page runs only its own script, in no frame.",
    shownBy: [{ file: headers }],
  },
  {
    id: "http.paths",
    claim: "No spelling of a path, method or header of a proxy gets past a token or to a file.",
    shownBy: [{ file: paths }],
  },
  {
    id: "http.gone-clients",
    claim: "Who leaves right behind his request has acted from his address, or has not acted.",
    shownBy: [
      { file: "test/security/http/gone-clients.test.ts" },
      { file: "src/coordinator/http/client-key.test.ts" },
    ],
  },
  {
    id: "http.size",
    claim:
      "Heads and bodies beyond their limits are refused before they are kept, without a token beyond 4 KiB, with an invite beyond 64.",
    shownBy: [{ file: limits, tests: "size" }],
  },
  {
    id: "http.error-texts",
    claim:
      "A request that does not fit is answered at once, whatever its names hold: the error repeats little of it.",
    shownBy: [{ file: "test/security/http/error-texts.test.ts" }, { file: "src/protocol/errors.test.ts" }],
  },
  {
    id: "http.slowness",
    claim:
      "Slow, silent and greedy clients lose their connections in seconds, and others are served meanwhile.",
    shownBy: [{ file: limits, tests: "slowness" }],
  },
  {
    id: "http.per-client",
    claim:
      "One client has so many requests, streams and links open and no more, and its neighbours do not feel it.",
    shownBy: [
      { file: limits, tests: "one client at an address of its own" },
      { file: "src/coordinator/http/open-requests.test.ts" },
      { file: "src/coordinator/http/client-key.test.ts" },
      { file: "src/coordinator/http/event-stream.test.ts", tests: "streams" },
    ],
  },
  {
    id: "http.frames",
    claim:
      "A WebSocket that breaks the protocol, says no hello or reads nothing is closed, and nothing else with it.",
    shownBy: [
      { file: websocket, tests: "compression is not agreed on" },
      { file: websocket, tests: "a frame that breaks the protocol ends its link" },
      { file: websocket, tests: "a link" },
    ],
  },
  {
    id: "http.flood",
    claim: "A node that floods its link is cut off and kept away; messages of others arrive meanwhile.",
    shownBy: [
      { file: flood },
      { file: "src/link/flood-watch.test.ts" },
      { file: "src/coordinator/http/link-holds.test.ts" },
    ],
  },
];
