import { systemClock } from "../../src/platform/clock.ts";
import { createEchoRuntime } from "../../src/runtimes/echo/index.ts";
import { runtimeContract } from "./runtime.ts";

const nothing = () => Promise.resolve();

runtimeContract("echo", {
  kind: "echo",
  open: nothing,
  close: nothing,
  createRuntime: () => createEchoRuntime({ clock: systemClock }),
  createSlowRuntime: () => createEchoRuntime({ clock: systemClock, delayMs: 60_000 }),
  createUnreachableRuntime: null,
  createUnauthorizedRuntime: null,
  plainMessage: (word) => word,
  slowMessage: (word) => word,
  streamsSlowly: true,
  recallMessage: null,
  tooLongMessage: null,
  failingMessages: [],
  loseGateway: null,
  secrets: [],
});

runtimeContract("echo, delayed", {
  kind: "echo",
  open: nothing,
  close: nothing,
  createRuntime: () => createEchoRuntime({ clock: systemClock, delayMs: 30 }),
  createSlowRuntime: () => createEchoRuntime({ clock: systemClock, delayMs: 60_000 }),
  createUnreachableRuntime: null,
  createUnauthorizedRuntime: null,
  plainMessage: (word) => word,
  slowMessage: (word) => word,
  streamsSlowly: true,
  recallMessage: null,
  tooLongMessage: null,
  failingMessages: [],
  loseGateway: null,
  secrets: [],
});
