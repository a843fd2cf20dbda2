/** Characters of a model's name that the mesh takes. */
const maxLength = 128;

/** The name as its driver tells it, on one line; null when it tells none. */
export function toModel(text: unknown): string | null {
  if (typeof text !== "string") return null;
  const name = text
    .slice(0, 4 * maxLength)
    .replace(/[\p{Cc}\p{Cf}\s]+/gu, " ")
    .trim()
    .slice(0, maxLength);
  return name === "" || name === "N/A" ? null : name;
}

/** MiB; null for what is no size of a GPU's memory. */
export function toMebibytes(bytes: number): number | null {
  const count = Math.floor(bytes / 2 ** 20);
  return Number.isFinite(count) && count > 0 && count <= 16_777_216 ? count : null;
}
