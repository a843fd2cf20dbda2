import { buildCommand, buildRouteMap } from "@stricli/core";
import type { EditDeadLetterFlags } from "../actions/dead-letter-edit.ts";
import type { DiscardFlags, RetryDeadLetterFlags } from "../actions/task-changes.ts";
import type { ListDeadLetterFlags } from "../actions/task-list.ts";
import type { CliContext } from "../context.ts";
import type { HelpText } from "../help-text.ts";
import {
  choiceFlags,
  countFlag,
  editFlags,
  failedOnFlag,
  fileFlag,
  isGivenFlag,
  placeFlags,
  taskArgument,
  taskArguments,
} from "./message-flags.ts";

export function createDeadLetterCommands(help: HelpText) {
  const { docs, texts } = help;
  const { deadLetter, deadLetterShow, placeholders } = texts.commands;
  return buildRouteMap<string, CliContext>({
    docs: docs(deadLetter),
    routes: {
      list: createListCommand(help),
      show: buildCommand<object, [string], CliContext>({
        loader: async () => (await import("../actions/task-list.ts")).showTask,
        docs: docs(deadLetterShow),
        parameters: { positional: taskArgument(deadLetterShow.arguments.task, placeholders.task) },
      }),
      edit: createEditCommand(help),
      retry: createRetryCommand(help),
      discard: createDiscardCommand(help),
    },
  });
}

function createListCommand({ docs, texts }: HelpText) {
  const { deadLetterList } = texts.commands;
  return buildCommand<ListDeadLetterFlags, [], CliContext>({
    loader: async () => (await import("../actions/task-list.ts")).listDeadLetters,
    docs: docs(deadLetterList),
    parameters: {
      flags: {
        ...placeFlags(texts),
        ...choiceFlags(texts),
        limit: countFlag(deadLetterList.flags.limit),
        all: isGivenFlag(deadLetterList.flags.all),
      },
    },
  });
}

function createEditCommand({ docs, texts }: HelpText) {
  const { deadLetterEdit, placeholders } = texts.commands;
  return buildCommand<EditDeadLetterFlags, [string], CliContext>({
    loader: async () => (await import("../actions/dead-letter-edit.ts")).editDeadLetter,
    docs: docs(deadLetterEdit),
    parameters: {
      positional: taskArgument(deadLetterEdit.arguments.task, placeholders.task),
      flags: { ...editFlags(texts), file: fileFlag(deadLetterEdit.flags.file) },
    },
  });
}

function createRetryCommand({ docs, texts }: HelpText) {
  const { deadLetterRetry, placeholders } = texts.commands;
  return buildCommand<RetryDeadLetterFlags, string[], CliContext>({
    loader: async () => (await import("../actions/task-changes.ts")).retryDeadLetters,
    docs: docs(deadLetterRetry),
    parameters: {
      positional: taskArguments(deadLetterRetry.arguments.task, placeholders.task),
      flags: {
        ...choiceFlags(texts),
        failedOn: failedOnFlag(texts),
        ...editFlags(texts),
        all: isGivenFlag(deadLetterRetry.flags.all),
        yes: isGivenFlag(deadLetterRetry.flags.yes),
      },
    },
  });
}

function createDiscardCommand({ docs, texts }: HelpText) {
  const { deadLetterDiscard, placeholders } = texts.commands;
  return buildCommand<DiscardFlags, string[], CliContext>({
    loader: async () => (await import("../actions/task-changes.ts")).discardDeadLetters,
    docs: docs(deadLetterDiscard),
    parameters: {
      positional: taskArguments(deadLetterDiscard.arguments.task, placeholders.task),
      flags: {
        ...placeFlags(texts),
        ...choiceFlags(texts),
        all: isGivenFlag(deadLetterDiscard.flags.all),
        yes: isGivenFlag(deadLetterDiscard.flags.yes),
      },
    },
  });
}
