import { expect, test } from "bun:test";
import { createLiveText } from "./live-text.ts";

function collect() {
  let shown = "";
  const live = createLiveText(
    (text) => {
      shown += text;
    },
    {
      onStart: () => {
        shown += ">";
      },
      onRestart: () => {
        shown += "|";
      },
    },
  );
  return { live, shown: () => shown };
}

const part = (offset: number, text: string, attempt = 1) => ({ attempt, offset, text });

test("chunks in order are written once each", () => {
  const { live, shown } = collect();
  live.add(part(0, "He"));
  live.add(part(2, "llo"));
  live.complete("Hello");
  expect(shown()).toBe(">Hello");
});

test("a snapshot writes only what was not yet there", () => {
  const { live, shown } = collect();
  live.add(part(0, "Hel"));
  live.add(part(0, "Hello wor"));
  live.add(part(9, "ld"));
  expect(shown()).toBe(">Hello world");
});

test("a lower offset starts the text again from there", () => {
  const { live, shown } = collect();
  live.add(part(0, "Hello world"));
  live.add(part(6, "mesh"));
  expect(shown()).toBe(">Hello world|>Hello mesh");
});

test("another attempt starts again, unless it says the same", () => {
  const { live, shown } = collect();
  live.add(part(0, "Hello"));
  live.add(part(0, "Bye", 2));
  live.add(part(0, "Bye now", 3));
  expect(shown()).toBe(">Hello|>Bye now");
});

test("the result completes what was streamed, or replaces it", () => {
  const one = collect();
  one.live.add(part(0, "Hel"));
  one.live.complete("Hello");
  expect(one.shown()).toBe(">Hello");
  const other = collect();
  other.live.add(part(0, "Hel"));
  other.live.complete("Bye");
  expect(other.shown()).toBe(">Hel|>Bye");
  const none = collect();
  none.live.complete("Hello");
  expect(none.shown()).toBe(">Hello");
});

test("a text whose beginning was not kept goes on where it is", () => {
  const { live, shown } = collect();
  live.add(part(100, "tail"));
  live.add(part(104, " end"));
  live.complete("long text before tail end");
  expect(shown()).toBe(">tail end");
});
