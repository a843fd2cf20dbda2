/**
 * A token, key or password in memory. It shows as `***` wherever text is made of it by accident: in a template, a log, an
 * error, JSON, the console. Only {@link Secret.reveal} gives it away, so that every place that does can be found.
 */
export class Secret {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  /** The text itself, for the one place that sends or compares it. */
  reveal(): string {
    return this.#text;
  }

  toString(): string {
    return hiddenSecret;
  }

  toJSON(): string {
    return hiddenSecret;
  }

  /** What `console.log` and `inspect` show. */
  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return hiddenSecret;
  }
}

/** What stands in the place of a secret. */
export const hiddenSecret = "***";

/** null stays null. */
export function toSecret(text: string | null): Secret | null {
  return text === null ? null : new Secret(text);
}

/** Each text once, the first of its kind stays. */
export function distinctSecrets(secrets: readonly Secret[]): readonly Secret[] {
  const byText = new Map<string, Secret>();
  for (const secret of secrets) {
    const text = secret.reveal();
    if (!byText.has(text)) byText.set(text, secret);
  }
  return [...byText.values()];
}
