/** The name of the cookie of a login; with `__Host-` a browser takes it from this very host only, and over TLS. */
const plainName = "claw_mesh_session";
const secureName = `__Host-${plainName}`;

/** What a browser is told to keep, for so many seconds; 0: to forget it. */
export function printSessionCookie(value: string, maxAgeS: number, isSecure: boolean): string {
  const name = isSecure ? secureName : plainName;
  return `${name}=${value}; Max-Age=${maxAgeS}; Path=/; HttpOnly; SameSite=Strict${isSecure ? "; Secure" : ""}`;
}

/** The login among the cookies of a request; null: none, or more than one, of which the wrong one might count. */
export function readSessionCookie(header: string, isSecure: boolean): string | null {
  const name = isSecure ? secureName : plainName;
  const values = header.split(";").flatMap((part) => {
    const at = part.indexOf("=");
    return at > 0 && part.slice(0, at).trim() === name ? [part.slice(at + 1).trim()] : [];
  });
  return values.length === 1 ? (values[0] ?? null) : null;
}
