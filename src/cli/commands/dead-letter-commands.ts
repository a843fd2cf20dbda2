import { buildCommand, buildRouteMap } from "@stricli/core";
import type { EditDeadLetterFlags } from "../actions/dead-letter-edit.ts";
import type { DiscardFlags, RetryDeadLetterFlags } from "../actions/task-changes.ts";
import type { ListDeadLetterFlags } from "../actions/task-list.ts";
import type { CliContext } from "../context.ts";
import type { HelpText } from "../help-text.ts";
import { editFlags, fileFlag } from "./message-flags.ts";
import {
  allFlags,
  createShowCommand,
  filterFlags,
  listFlags,
  retryFlags,
  taskArgument,
  taskArguments,
} from "./task-flags.ts";

export function createDeadLetterCommands(help: HelpText) {
  const { docs, texts } = help;
  const { deadLetter, deadLetterList, deadLetterShow } = texts.commands;
  return buildRouteMap<string, CliContext>({
    docs: docs(deadLetter),
    routes: {
      list: buildCommand<ListDeadLetterFlags, [], CliContext>({
        loader: async () => (await import("../actions/task-list.ts")).listDeadLetters,
        docs: docs(deadLetterList),
        parameters: { flags: listFlags(texts, deadLetterList.flags) },
      }),
      show: createShowCommand(help, deadLetterShow),
      ...createChangeCommands(help),
    },
  });
}

function createChangeCommands({ docs, texts }: HelpText) {
  const { deadLetterEdit, deadLetterRetry, deadLetterDiscard } = texts.commands;
  return {
    edit: buildCommand<EditDeadLetterFlags, [string], CliContext>({
      loader: async () => (await import("../actions/dead-letter-edit.ts")).editDeadLetter,
      docs: docs(deadLetterEdit),
      parameters: {
        positional: taskArgument(texts, deadLetterEdit),
        flags: { ...editFlags(texts), file: fileFlag(deadLetterEdit.flags.file) },
      },
    }),
    retry: buildCommand<RetryDeadLetterFlags, string[], CliContext>({
      loader: async () => (await import("../actions/task-changes.ts")).retryDeadLetters,
      docs: docs(deadLetterRetry),
      parameters: {
        positional: taskArguments(texts, deadLetterRetry),
        flags: { ...retryFlags(texts), ...allFlags(deadLetterRetry.flags) },
      },
    }),
    discard: buildCommand<DiscardFlags, string[], CliContext>({
      loader: async () => (await import("../actions/task-changes.ts")).discardDeadLetters,
      docs: docs(deadLetterDiscard),
      parameters: {
        positional: taskArguments(texts, deadLetterDiscard),
        flags: { ...filterFlags(texts), ...allFlags(deadLetterDiscard.flags) },
      },
    }),
  };
}
