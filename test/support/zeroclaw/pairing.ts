import { createHash, randomBytes, randomInt } from "node:crypto";

/** Pairing as in 0.8.4: a code of six digits, good once, for a token of which only the SHA-256 is kept. */
export interface PairingGuard {
  readonly isRequired: boolean;
  readonly isPaired: () => boolean;
  /** The code that is shown before the first pairing; null after it. */
  readonly firstCode: () => string | null;
  readonly currentCode: () => string | null;
  readonly newCode: () => string;
  readonly accepts: (token: string | null) => boolean;
  readonly pair: (code: string, client: string) => PairResult;
  /** Forgets every token, as `paircode/new?rotate=all` does. */
  readonly revokeAll: () => void;
}

export type PairResult =
  | { readonly kind: "paired"; readonly token: string }
  | { readonly kind: "wrong" }
  | { readonly kind: "locked"; readonly retryAfterS: number };

export const maxPairFailures = 5;
export const pairLockoutS = 300;

export function hashToken(token: string): string {
  return createHash("sha256").update(token).digest("hex");
}

interface PairingOptions {
  readonly isRequired: boolean;
  readonly tokenHashes: readonly string[];
  readonly onPaired: (hash: string) => void;
}

export function createPairingGuard({ isRequired, tokenHashes, onPaired }: PairingOptions): PairingGuard {
  const hashes = new Set(tokenHashes);
  const failures = new Map<string, { count: number; lockedUntilMs: number }>();
  const makeCode = () => String(randomInt(1_000_000)).padStart(6, "0");
  let code = isRequired && hashes.size === 0 ? makeCode() : null;

  const pair = (given: string, client: string): PairResult => {
    const failure = failures.get(client) ?? { count: 0, lockedUntilMs: 0 };
    const lockedMs = failure.lockedUntilMs - Date.now();
    if (lockedMs > 0) return { kind: "locked", retryAfterS: Math.ceil(lockedMs / 1000) };
    if (code === null || given !== code) {
      const count = failure.count + 1;
      const isLocked = count >= maxPairFailures;
      failures.set(client, { count, lockedUntilMs: isLocked ? Date.now() + pairLockoutS * 1000 : 0 });
      return { kind: "wrong" };
    }
    failures.delete(client);
    code = null;
    const token = `zc_${randomBytes(32).toString("hex")}`;
    hashes.add(hashToken(token));
    onPaired(hashToken(token));
    return { kind: "paired", token };
  };

  return {
    isRequired,
    isPaired: () => hashes.size > 0,
    firstCode: () => (hashes.size === 0 ? code : null),
    currentCode: () => code,
    newCode: () => {
      code = makeCode();
      return code;
    },
    accepts: (token) => !isRequired || (token !== null && hashes.has(hashToken(token))),
    pair,
    revokeAll: () => hashes.clear(),
  };
}
