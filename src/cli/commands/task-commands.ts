import { buildCommand, buildRouteMap } from "@stricli/core";
import type { AddTaskFlags } from "../actions/task-add.ts";
import type { CancelFlags, RetryTaskFlags } from "../actions/task-changes.ts";
import type { ExportFlags } from "../actions/task-export.ts";
import type { ListTaskFlags } from "../actions/task-list.ts";
import type { CliContext } from "../context.ts";
import type { HelpText } from "../help-text.ts";
import {
  choiceFlags,
  countFlag,
  editFlags,
  failedOnFlag,
  fileFlag,
  isGivenFlag,
  keyFlag,
  messageArguments,
  messageFlags,
  placeFlags,
  runFlags,
  stateFlag,
  taskArgument,
  taskArguments,
} from "./message-flags.ts";

export function createTaskCommands(help: HelpText) {
  const { docs, texts } = help;
  const { task, taskShow, taskWatch, placeholders } = texts.commands;
  return buildRouteMap<string, CliContext>({
    docs: docs(task),
    routes: {
      add: createAddCommand(help),
      list: createListCommand(help),
      show: buildCommand<object, [string], CliContext>({
        loader: async () => (await import("../actions/task-list.ts")).showTask,
        docs: docs(taskShow),
        parameters: { positional: taskArgument(taskShow.arguments.task, placeholders.task) },
      }),
      watch: buildCommand<object, [string], CliContext>({
        loader: async () => (await import("../actions/task-watch.ts")).watchTask,
        docs: docs(taskWatch),
        parameters: { positional: taskArgument(taskWatch.arguments.task, placeholders.task) },
      }),
      cancel: createCancelCommand(help),
      retry: createRetryCommand(help),
      export: createExportCommand(help),
    },
  });
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

function createListCommand({ docs, texts }: HelpText) {
  const { taskList } = texts.commands;
  return buildCommand<ListTaskFlags, [], CliContext>({
    loader: async () => (await import("../actions/task-list.ts")).listTasks,
    docs: docs(taskList),
    parameters: {
      flags: {
        state: stateFlag(texts),
        ...placeFlags(texts),
        ...choiceFlags(texts),
        limit: countFlag(taskList.flags.limit),
        all: isGivenFlag(taskList.flags.all),
      },
    },
  });
}

function createCancelCommand({ docs, texts }: HelpText) {
  const { taskCancel, placeholders } = texts.commands;
  return buildCommand<CancelFlags, string[], CliContext>({
    loader: async () => (await import("../actions/task-changes.ts")).cancelTasks,
    docs: docs(taskCancel),
    parameters: {
      positional: taskArguments(taskCancel.arguments.task, placeholders.task),
      flags: {
        state: stateFlag(texts),
        ...placeFlags(texts),
        ...choiceFlags(texts),
        yes: isGivenFlag(taskCancel.flags.yes),
      },
    },
  });
}

function createRetryCommand({ docs, texts }: HelpText) {
  const { taskRetry, placeholders } = texts.commands;
  return buildCommand<RetryTaskFlags, string[], CliContext>({
    loader: async () => (await import("../actions/task-changes.ts")).retryTasks,
    docs: docs(taskRetry),
    parameters: {
      positional: taskArguments(taskRetry.arguments.task, placeholders.task),
      flags: {
        state: stateFlag(texts),
        ...choiceFlags(texts),
        failedOn: failedOnFlag(texts),
        ...editFlags(texts),
        yes: isGivenFlag(taskRetry.flags.yes),
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
        ...placeFlags(texts),
        ...choiceFlags(texts),
        output: fileFlag(taskExport.flags.output),
      },
    },
  });
}
