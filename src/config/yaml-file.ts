import { type Document, isMap, isNode, isPair, isScalar, LineCounter, parseDocument } from "yaml";
import { MeshError } from "../protocol/errors.ts";

export interface Position {
  /** Both from 1. */
  readonly line: number;
  readonly column: number;
}

/** A parsed YAML file that knows where its parts stand. */
export interface YamlFile {
  readonly data: unknown;
  /** Where the value stands, or the nearest part round it that exists. */
  readonly positionOf: (path: readonly PropertyKey[]) => Position;
  /** Where a key of the map at this path stands. */
  readonly positionOfKey: (path: readonly PropertyKey[], key: string) => Position;
}

/** @throws MeshError CONFIG_INVALID with the place of the first syntax error */
export function parseYamlFile(text: string, path: string): YamlFile {
  const lines = new LineCounter();
  const document = parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false,
    // What it would warn of is refused below, in words that name the place.
    logLevel: "error",
  });
  const toPosition = (offset: number): Position => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(1, line), column: Math.max(1, col) };
  };
  const problem = document.errors[0];
  if (problem !== undefined) {
    const { line, column } = toPosition(problem.pos[0]);
    throw new MeshError("CONFIG_INVALID", `${path}:${line}:${column}: ${problem.message}`, {
      cause: problem,
    });
  }
  return {
    data: toData(document, path),
    positionOf: (steps) => toPosition(offsetOf(document, steps)),
    positionOfKey: (steps, key) => {
      const map = steps.length === 0 ? document.contents : document.getIn(steps.map(toStep), true);
      const pair = isMap(map)
        ? map.items.find((item) => isPair(item) && isScalar(item.key) && String(item.key.value) === key)
        : undefined;
      const offset = pair !== undefined && isNode(pair.key) ? pair.key.range?.[0] : undefined;
      return toPosition(offset ?? offsetOf(document, steps));
    },
  };
}

function toData(document: Document, path: string): unknown {
  try {
    return document.toJS({ maxAliasCount: 100 });
  } catch (cause) {
    throw new MeshError("CONFIG_INVALID", `${path}: aliases that cannot be resolved, or too many of them`, {
      cause,
    });
  }
}

function offsetOf(document: Document, steps: readonly PropertyKey[]): number {
  for (let length = steps.length; length >= 0; length -= 1) {
    const node = length === 0 ? document.contents : document.getIn(steps.slice(0, length).map(toStep), true);
    if (isNode(node) && node.range !== null && node.range !== undefined) return node.range[0];
  }
  return 0;
}

function toStep(step: PropertyKey): string | number {
  return typeof step === "number" ? step : String(step);
}
