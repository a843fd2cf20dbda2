import fc from "fast-check";

/** Texts that have broken programs of this kind: control sequences, paths, prototypes, patterns, addresses, odd Unicode. */
export const hostileTexts: readonly string[] = [
  "",
  " ",
  "\u0000",
  "a\u0000b",
  "\u001b[2J\u001b]0;title\u0007",
  "\r\nSet-Cookie: a=b",
  "../../../../etc/passwd",
  "/dev/stdin",
  "file:///etc/passwd",
  "http://169.254.169.254/latest/meta-data/",
  "http://[::ffff:127.0.0.1]:1/",
  "__proto__",
  "constructor",
  "toString",
  "<script>alert(1)</script>",
  "'; drop table tasks; --",
  "$(reboot)",
  "`reboot`",
  "%00%0d%0a",
  "%s%n%x",
  "-1",
  "1e400",
  "9007199254740993",
  "NaN",
  "\ud800",
  "\udfff\ud800",
  "\ufeff",
  "\u202e\u2066",
  "e\u0301".repeat(50),
  "👩‍👩‍👧‍👦",
  "(a+)+$",
  "/(a|a)*b/i",
  "*",
  ",",
  ":",
  "\\",
  "~",
  "null",
  "[]",
  "{}",
  "9999-12-31T23:59:59Z",
  "-0001-01-01T00:00:00Z",
  "2026-02-30T25:61:61Z",
  "x".repeat(70_000),
];

export const hostileText: fc.Arbitrary<string> = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(...hostileTexts) },
  { weight: 2, arbitrary: fc.string({ unit: "binary", maxLength: 40 }) },
  { weight: 1, arbitrary: fc.string({ unit: "grapheme", maxLength: 40 }) },
);

const hostileNumbers = [-1, 0, -0, 1.5, 2 ** 31, 2 ** 53, -(2 ** 63), 1e308, 5e-324, 253402300800000];

/** Any JSON, with what is odd in it more often than not. */
export const hostileValue: fc.Arbitrary<unknown> = fc.oneof(
  { weight: 4, arbitrary: hostileText },
  { weight: 2, arbitrary: fc.constantFrom<unknown>(null, true, false, ...hostileNumbers) },
  { weight: 2, arbitrary: fc.jsonValue({ maxDepth: 3 }) },
  { weight: 1, arbitrary: fc.constantFrom<unknown>([], {}, [[]], [null], [{}], nest(200)) },
);

/** A list in a list, so many deep. */
function nest(depth: number): unknown {
  let value: unknown = [];
  for (let level = 0; level < depth; level += 1) value = [value];
  return value;
}
