import type { GatewayConnection } from "./connection.ts";

/** OpenClaw's own limit on labels. */
const maxLabelLength = 512;
/** Digits of the key that tell conversations of equal names apart; OpenClaw wants every label once. */
const keyDigits = 6;

interface LabelledSession {
  readonly sessionKey: string;
  readonly name: string;
  readonly key: string;
}

/** Shows the conversation's name in OpenClaw's own lists. Best effort: nothing waits for it, and nothing depends on it. */
export function sendSessionLabel(connection: GatewayConnection, session: LabelledSession): void {
  void label(connection, session);
}

async function label(
  connection: GatewayConnection,
  { sessionKey, name, key }: LabelledSession,
): Promise<void> {
  const plain = name.slice(0, maxLabelLength - keyDigits - 3);
  const reply = await connection.request("sessions.patch", { key: sessionKey, label: plain });
  if (reply.kind !== "error" || reply.error.code !== "INVALID_REQUEST") return;
  await connection.request("sessions.patch", {
    key: sessionKey,
    label: `${plain} (${key.slice(0, keyDigits)})`,
  });
}
