import type { Claim } from "../claim.ts";

const pin = "test/security/tls/pin.test.ts";
const keptTrust = "test/security/tls/kept-trust.test.ts";
const mesh = "test/security/tls/mesh.test.ts";
const renewal = "test/security/tls/renewal.test.ts";
const versions = "test/security/tls/versions.test.ts";
const executable = "test/security/tls/executable.test.ts";
const ownFiles = "src/platform/tls/own-certificates.test.ts";
const givenFiles = "src/platform/tls/given-certificates.test.ts";

/** What goes between machines, and whom they take each other for. */
export const tlsClaims: readonly Claim[] = [
  {
    id: "tls.pin",
    claim:
      "A node with a pin sends nothing to a server with another key, whatever certificates that one shows.",
    shownBy: [
      { file: pin, tests: "a node with a pin" },
      { file: executable, tests: "a mesh over TLS of real processes > the pin" },
    ],
  },
  {
    id: "tls.pin-plain",
    claim:
      "A pin with an address without TLS, and a pin that is none, are refused before anything is dialed.",
    shownBy: [{ file: pin, tests: "a pin that cannot" }],
  },
  {
    id: "tls.kept",
    claim:
      "A node that has joined by a pin keeps to that key at every later start, without its invite, and at every address; one that has joined over TLS sends nothing over plain HTTP.",
    shownBy: [{ file: pin, tests: "a node that has joined" }, { file: keptTrust }],
  },
  {
    id: "tls.trust",
    claim:
      "Without a pin, a certificate of an unknown authority, for other names, or past its end is refused before a token is sent.",
    shownBy: [
      { file: mesh, tests: "a certificate from elsewhere" },
      { file: mesh, tests: "a mesh over TLS > a code without" },
      { file: executable, tests: "commands" },
    ],
  },
  {
    id: "tls.all-of-it",
    claim:
      "With TLS, all that goes to the coordinator is inside it: requests, streams, links, what direct nodes ask, and what goes through a proxy. Its own calls to direct nodes are plain HTTP, and warned of.",
    shownBy: [
      { file: mesh, tests: "a mesh over TLS" },
      { file: executable, tests: "a mesh over TLS of real processes > up" },
      { file: "test/security/tls/called-nodes.test.ts" },
    ],
  },
  {
    id: "tls.version",
    claim: "TLS before 1.2 is refused, and plain HTTP to a port with TLS gets no answer.",
    shownBy: [{ file: versions }],
  },
  {
    id: "tls.slow",
    claim:
      "A connection that does not come to the end of its handshake is cut off, also one that sends it byte by byte.",
    shownBy: [
      { file: "test/security/tls/slow-handshake.test.ts" },
      { file: "test/security/tls/handshake.test.ts" },
    ],
  },
  {
    id: "tls.renewal",
    claim: "Certificates renew themselves while links and answers go on, and the pin stays.",
    shownBy: [{ file: renewal }, { file: ownFiles, tests: "a later start" }],
  },
  {
    id: "tls.authority",
    claim:
      "The authority that nodes trust is never replaced by itself: not after a crash, a loss or damage of its files.",
    shownBy: [
      { file: ownFiles, tests: "after a crash" },
      { file: ownFiles, tests: "files that are lost" },
      { file: ownFiles, tests: "the end of the authority" },
      { file: executable, tests: "a mesh over TLS of real processes > without the key" },
    ],
  },
  {
    id: "tls.files",
    claim:
      "Keys are files of 0600 in a folder of 0700, closed again when they were opened; files from elsewhere are checked, and their end is told before it comes.",
    shownBy: [
      { file: ownFiles, tests: "the first start" },
      { file: executable, tests: "a mesh over TLS of real processes > files" },
      { file: givenFiles },
      { file: renewal, tests: "certificate files from elsewhere" },
    ],
  },
  {
    id: "tls.plain-http",
    claim: "Plain HTTP beyond this machine is warned of, with the risk and the remedy.",
    shownBy: [{ file: executable, tests: "plain HTTP" }],
  },
];
