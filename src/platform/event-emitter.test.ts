import { expect, test } from "bun:test";
import { createEventEmitter } from "./event-emitter.ts";

interface Events {
  readonly "thing.made": { readonly id: number };
  readonly "thing.broken": { readonly why: string };
}

test("an event reaches the listeners of its type, in order of subscription, within the emit", () => {
  const events = createEventEmitter<Events>();
  const heard: string[] = [];
  events.on("thing.made", ({ id }) => heard.push(`first ${id}`));
  events.on("thing.broken", ({ why }) => heard.push(why));
  events.on("thing.made", ({ id }) => heard.push(`second ${id}`));
  events.emit("thing.made", { id: 7 });
  expect(heard).toEqual(["first 7", "second 7"]);
});

test("an event without listeners is no error", () => {
  createEventEmitter<Events>().emit("thing.broken", { why: "age" });
});

test("a listener that unsubscribed hears nothing more, also when it does so within the emit", () => {
  const events = createEventEmitter<Events>();
  const heard: number[] = [];
  const stop = events.on("thing.made", ({ id }) => {
    heard.push(id);
    stop();
  });
  events.emit("thing.made", { id: 1 });
  events.emit("thing.made", { id: 2 });
  stop();
  expect(heard).toEqual([1]);
});

test("a listener that throws keeps neither the others nor the caller from going on, and the fault is heard", () => {
  const faults: unknown[] = [];
  const events = createEventEmitter<Events>((error) => faults.push(error));
  const heard: number[] = [];
  const fault = new Error("a fault");
  events.on("thing.made", () => {
    throw fault;
  });
  events.on("thing.made", ({ id }) => heard.push(id));
  events.emit("thing.made", { id: 7 });
  expect(heard).toEqual([7]);
  expect(faults).toEqual([fault]);
});
