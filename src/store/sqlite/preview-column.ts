import { contentPreviewLength } from "../../protocol/task.ts";

/** The beginning of a text, without half of a character at its end. */
export function toPreview(text: string): string {
  const start = text.slice(0, contentPreviewLength);
  return /[\ud800-\udbff]$/.test(start) ? start.slice(0, -1) : start;
}

/** What lists show of a content; null when it is short enough to show all of it. */
export function toPreviewColumn(content: string): string | null {
  return content.length <= contentPreviewLength ? null : toPreview(content);
}
