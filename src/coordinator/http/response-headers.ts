/**
 * Headers of answers. They are made once and copied natively into each answer, which costs less than an object of two
 * headers does: never change one of them.
 */

/** Of every answer: its type is what it says, and no page of another site may embed it. */
const always = {
  "x-content-type-options": "nosniff",
  "cross-origin-resource-policy": "same-origin",
} as const;

/** Answers of the API may hold tokens and messages: no cache keeps them. */
export const jsonHeaders = new Headers({
  ...always,
  "content-type": "application/json; charset=utf-8",
  "cache-control": "no-store",
});

export const emptyHeaders = new Headers({ ...always, "cache-control": "no-store" });

export const eventStreamHeaders = new Headers({
  ...always,
  "content-type": "text/event-stream; charset=utf-8",
  "cache-control": "no-store",
});

/** What a page may do: load script and style from here, call the API here, and nothing else. */
const contentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "img-src 'self'",
  "form-action 'self'",
  "frame-ancestors 'none'",
  "base-uri 'none'",
].join("; ");

/** Of the page and its parts. A newer coordinator has another page, so it is asked for each time. */
export function pageHeaders(contentType: string): Headers {
  return new Headers({
    ...always,
    "content-type": contentType,
    "cache-control": "no-cache",
    "content-security-policy": contentSecurityPolicy,
    "cross-origin-opener-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-frame-options": "DENY",
  });
}

/** 30 days: long enough to protect who comes back, short enough to change one's mind. */
export const strictTransport = "max-age=2592000";
