import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { transitionCases } from "../../src/domain/tasks/transition-cases.ts";

const page = await Bun.file(join(import.meta.dir, "..", "..", "docs", "reference", "task-states.md")).text();

/** Rows `| transition | task | attempt | cause | durable effect | event | what follows |`. */
const rows = page
  .split("\n")
  .filter((line) => line.startsWith("|"))
  .map((line) => line.slice(1, -1).split("|"))
  .map((cells) => cells.map((cell) => cell.trim()))
  .filter((cells) => cells.length === 7 && cells[0] !== "transition" && !/^-+$/.test(cells[0] ?? ""))
  .map(([name, states, attempt, , , , follows]) => ({
    name,
    states,
    attempt,
    next: /^`(\w+)`/.exec(follows ?? "")?.[1],
  }));

describe("docs/reference/task-states.md", () => {
  test("has a row for each transition that is tested, and no other", () => {
    expect(rows.map(({ name }) => name)).toEqual(transitionCases.map(({ name }) => name));
  });

  test("tells the states and the next step that the test of each row expects", () => {
    const tested = transitionCases.map(({ name, states, attempt, next }) => ({
      name,
      states,
      attempt,
      next,
    }));
    expect(rows).toEqual(tested);
  });

  test("names the causes, effects and events of each", () => {
    const incomplete = page
      .split("\n")
      .filter((line) => line.startsWith("|") && line.split("|").length === 9)
      .filter((line) =>
        line
          .split("|")
          .slice(1, -1)
          .some((cell) => cell.trim() === ""),
      );
    expect(incomplete).toEqual([]);
  });
});
