import { expect, test } from "bun:test";
import { hintOfSchemes, toTlsError } from "./tls-problem.ts";

test.each([
  ["SELF_SIGNED_CERT_IN_CHAIN", "unknown_authority"],
  ["DEPTH_ZERO_SELF_SIGNED_CERT", "unknown_authority"],
  ["UNABLE_TO_VERIFY_LEAF_SIGNATURE", "unknown_authority"],
  ["CERT_SIGNATURE_FAILURE", "unknown_authority"],
  ["ERR_TLS_CERT_ALTNAME_INVALID", "other_name"],
  ["CERT_HAS_EXPIRED", "expired"],
  ["CERT_NOT_YET_VALID", "not_yet_valid"],
])("%s means %s", (code, problem) => {
  expect(toTlsError(code, "https://x", null)).toMatchObject({
    code: "TLS_NOT_TRUSTED",
    details: { problem },
  });
});

test.each(["ECONNRESET", "ECONNREFUSED", "EPROTO", "ConnectionRefused"])(
  "%s says nothing of a certificate",
  (code) => {
    expect(toTlsError(code, "https://x", null)).toBeNull();
  },
);

test.each([
  ["ECONNRESET", "http://x", "https://"],
  ["EPROTO", "https://x", "http://"],
  ["ERR_SSL_WRONG_VERSION_NUMBER", "https://x", "http://"],
])("%s at %s suggests %s", (code, url, scheme) => {
  expect(hintOfSchemes(code, url)).toContain(scheme);
});

test.each([
  ["ECONNREFUSED", "http://x"],
  ["ECONNRESET", "https://x"],
  [null, "https://x"],
])("%s at %s suggests nothing", (code, url) => {
  expect(hintOfSchemes(code, url)).toBeNull();
});
