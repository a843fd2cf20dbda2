/** The name of the cookie of a login; with `__Host-` a browser takes it from this very host only, and over TLS. */
const plainName = "claw_mesh_session";
const secureName = `__Host-${plainName}`;

/** What a browser is told to keep, for so many seconds; 0: to forget it. `isSecure`: it came over TLS. */
export function printSessionCookie(value: string, maxAgeS: number, isSecure: boolean): string {
  const name = isSecure ? secureName : plainName;
  return `${name}=${value}; Max-Age=${maxAgeS}; Path=/; HttpOnly; SameSite=Strict${isSecure ? "; Secure" : ""}`;
}

/** A login as a browser names it. */
export interface SessionCookie {
  readonly value: string;
  /** It may be sent over TLS only. */
  readonly isSecure: boolean;
}

/**
 * The logins among the cookies of a request, the secure one first; of more than one with the same name none, of which the
 * wrong one might count. `onlySecure`: the other one does not count, which another page of this host could have set over
 * plain HTTP.
 */
export function readSessionCookies(header: string, onlySecure: boolean): readonly SessionCookie[] {
  const secure = readOne(header, secureName);
  const plain = onlySecure ? null : readOne(header, plainName);
  return [
    ...(secure === null ? [] : [{ value: secure, isSecure: true }]),
    ...(plain === null ? [] : [{ value: plain, isSecure: false }]),
  ];
}

function readOne(header: string, name: string): string | null {
  const values = header.split(";").flatMap((part) => {
    const at = part.indexOf("=");
    return at > 0 && part.slice(0, at).trim() === name ? [part.slice(at + 1).trim()] : [];
  });
  return values.length === 1 ? (values[0] ?? null) : null;
}
