import { buildCommand, buildRouteMap } from "@stricli/core";
import type { AddTaskFlags } from "../actions/task-add.ts";
import type { CancelFlags, RetryTaskFlags } from "../actions/task-changes.ts";
import type { ExportFlags } from "../actions/task-export.ts";
import type { ListTaskFlags } from "../actions/task-list.ts";
import type { CliContext } from "../context.ts";
import type { HelpText } from "../help-text.ts";
import {
  fileFlag,
  isGivenFlag,
  keyFlag,
  messageArguments,
  messageFlags,
  runFlags,
  stateFlag,
} from "./message-flags.ts";
import {
  createShowCommand,
  filterFlags,
  listFlags,
  retryFlags,
  taskArgument,
  taskArguments,
} from "./task-flags.ts";

export function createTaskCommands(help: HelpText) {
  const { docs, texts } = help;
  const { task, taskList, taskShow, taskWatch } = texts.commands;
  return buildRouteMap<string, CliContext>({
    docs: docs(task),
    routes: {
      add: createAddCommand(help),
      list: buildCommand<ListTaskFlags, [], CliContext>({
        loader: async () => (await import("../actions/task-list.ts")).listTasks,
        docs: docs(taskList),
        parameters: { flags: { state: stateFlag(texts), ...listFlags(texts, taskList.flags) } },
      }),
      show: createShowCommand(help, taskShow),
      watch: buildCommand<object, [string], CliContext>({
        loader: async () => (await import("../actions/task-watch.ts")).watchTask,
        docs: docs(taskWatch),
        parameters: { positional: taskArgument(texts, taskWatch) },
      }),
      ...createChangeCommands(help),
      export: createExportCommand(help),
    },
  });
}

function createChangeCommands({ docs, texts }: HelpText) {
  const { taskCancel, taskRetry } = texts.commands;
  const state = stateFlag(texts);
  return {
    cancel: buildCommand<CancelFlags, string[], CliContext>({
      loader: async () => (await import("../actions/task-changes.ts")).cancelTasks,
      docs: docs(taskCancel),
      parameters: {
        positional: taskArguments(texts, taskCancel),
        flags: { state, ...filterFlags(texts), yes: isGivenFlag(taskCancel.flags.yes) },
      },
    }),
    retry: buildCommand<RetryTaskFlags, string[], CliContext>({
      loader: async () => (await import("../actions/task-changes.ts")).retryTasks,
      docs: docs(taskRetry),
      parameters: {
        positional: taskArguments(texts, taskRetry),
        flags: { state, ...retryFlags(texts), yes: isGivenFlag(taskRetry.flags.yes) },
      },
    }),
  };
}

function createAddCommand({ docs, texts }: HelpText) {
  const { taskAdd } = texts.commands;
  return buildCommand<AddTaskFlags, string[], CliContext>({
    loader: async () => (await import("../actions/task-add.ts")).addTask,
    docs: docs(taskAdd),
    parameters: {
      positional: messageArguments(texts),
      flags: {
        ...messageFlags(texts),
        ...runFlags(taskAdd.flags),
        key: keyFlag(texts),
        file: fileFlag(taskAdd.flags.file),
      },
    },
  });
}

function createExportCommand({ docs, texts }: HelpText) {
  const { taskExport } = texts.commands;
  return buildCommand<ExportFlags, [], CliContext>({
    loader: async () => (await import("../actions/task-export.ts")).exportTasks,
    docs: docs(taskExport),
    parameters: {
      flags: {
        state: stateFlag(texts),
        ...filterFlags(texts),
        output: fileFlag(taskExport.flags.output),
      },
    },
  });
}
