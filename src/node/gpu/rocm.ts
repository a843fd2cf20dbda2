import { z } from "zod";
import type { Gpu } from "../../protocol/capability.ts";
import { parseJsonText } from "../../protocol/json-text.ts";
import { toMebibytes, toModel } from "./model-name.ts";

/** What is asked of AMD's driver tool. */
export const rocmQuery = ["--showproductname", "--showmeminfo", "vram", "--json"];

const Cards = z.record(z.string(), z.unknown());
const Card = z.record(z.string(), z.unknown());

/** `{"card0": {"Card Series": "…", "VRAM Total Memory (B)": "17163091968"}}`; older versions write `Card series`. */
export function parseRocmSmi(output: string): readonly Gpu[] {
  const cards = Cards.safeParse(parseOrNull(output));
  if (!cards.success) return [];
  return Object.entries(cards.data).flatMap(([name, value]): readonly Gpu[] => {
    const card = Card.safeParse(value);
    if (!/^card\d+$/.test(name) || !card.success) return [];
    const fields = new Map(Object.entries(card.data).map(([key, text]) => [key.toLowerCase(), text]));
    const bytes = fields.get("vram total memory (b)");
    return [
      {
        vendor: "amd",
        model: toModel(fields.get("card series")) ?? toModel(fields.get("card model")),
        memory_mb: bytes === undefined ? null : toMebibytes(Number(bytes)),
      },
    ];
  });
}

function parseOrNull(text: string): unknown {
  try {
    return parseJsonText(text);
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}
