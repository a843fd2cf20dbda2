import { checkUnitText } from "./service-spec.ts";

/** What a property list can hold, as far as services need it. */
export type PlistValue =
  | string
  | number
  | boolean
  | readonly PlistValue[]
  | { readonly [key: string]: PlistValue };

const entities: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;" };

/**
 * The value as an XML property list; `comment` stands above it.
 * @throws MeshError USAGE for text that XML cannot hold
 */
export function renderPropertyList(value: PlistValue, comment: string): string {
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    '<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">',
    `<!-- ${comment} -->`,
    '<plist version="1.0">',
    ...renderValue(value, ""),
    "</plist>",
    "",
  ].join("\n");
}

function renderValue(value: PlistValue, indent: string): readonly string[] {
  const deeper = `${indent}  `;
  if (typeof value === "string") return [`${indent}<string>${escapeText(value)}</string>`];
  if (typeof value === "number") return [`${indent}<integer>${value}</integer>`];
  if (typeof value === "boolean") return [`${indent}<${value}/>`];
  if (isList(value)) {
    return [`${indent}<array>`, ...value.flatMap((item) => renderValue(item, deeper)), `${indent}</array>`];
  }
  const entries = Object.entries(value).flatMap(([key, item]) => [
    `${deeper}<key>${escapeText(key)}</key>`,
    ...renderValue(item, deeper),
  ]);
  return [`${indent}<dict>`, ...entries, `${indent}</dict>`];
}

function isList(value: PlistValue): value is readonly PlistValue[] {
  return Array.isArray(value);
}

function escapeText(text: string): string {
  return checkUnitText(text, "a value of the service").replace(/[&<>]/g, (sign) => entities[sign] ?? sign);
}

/** The text of a key at the top of a list that was rendered here; null: it has none. */
export function readPlistText(list: string, key: string): string | null {
  const start = `  <key>${key}</key>\n  <string>`;
  const at = list.indexOf(`\n${start}`);
  if (at < 0) return null;
  const rest = list.slice(at + 1 + start.length);
  return rest
    .slice(0, rest.indexOf("</string>"))
    .replaceAll("&lt;", "<")
    .replaceAll("&gt;", ">")
    .replaceAll("&amp;", "&");
}
