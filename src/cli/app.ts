import {
  type ApplicationText,
  ArgumentScannerError,
  buildApplication,
  buildRouteMap,
  formatMessageForArgumentScannerError,
  text_en,
} from "@stricli/core";
import type { Catalogue } from "../locale/index.ts";
import { MeshError } from "../protocol/errors.ts";
import {
  createDoctorCommand,
  createInitCommand,
  createInviteCommand,
  createVersionCommand,
} from "./commands/access-commands.ts";
import { createNodeCommands, createNodesCommand, createStatusCommand } from "./commands/mesh-commands.ts";
import { createSendCommand } from "./commands/message-commands.ts";
import { createGroupCommands, createRouteCommands } from "./commands/rule-commands.ts";
import { createJoinCommand, createUpCommand } from "./commands/server-commands.ts";
import type { CliContext } from "./context.ts";
import { createHelpText } from "./help-text.ts";
import { BadValue } from "./parsers.ts";

interface AppOptions {
  readonly texts: Catalogue;
  /** Width of the help. */
  readonly columns: number;
  /** What `See: … --help` names. */
  readonly usageOf: string;
  /** How an error is written to standard error, newline not included. */
  readonly formatError: (error: unknown) => string;
}

/** How far a suggestion may be from what was typed: a swap costs nothing, a letter left out little. */
const suggestionDistance = {
  threshold: 3,
  weights: { insertion: 1, deletion: 2, substitution: 2, transposition: 0 },
};

/** All commands, as data; the action of a command is loaded when it runs. */
export function createApp(options: AppOptions) {
  const help = createHelpText(options.texts, options.columns);
  const root = buildRouteMap<string, CliContext>({
    docs: help.docs(options.texts.commands.root),
    routes: {
      up: createUpCommand(help),
      join: createJoinCommand(help),
      status: createStatusCommand(help),
      nodes: createNodesCommand(help),
      send: createSendCommand(help),
      route: createRouteCommands(help),
      group: createGroupCommands(help),
      node: createNodeCommands(help),
      invite: createInviteCommand(help),
      init: createInitCommand(help),
      doctor: createDoctorCommand(help),
      version: createVersionCommand(help),
    },
  });
  return buildApplication(root, {
    name: "claw-mesh",
    scanner: {
      caseStyle: "allow-kebab-for-camel",
      allowArgumentEscapeSequence: true,
      distanceOptions: suggestionDistance,
    },
    documentation: {
      disableAnsiColor: true,
      onlyRequiredInUsageLine: true,
      caseStyle: "convert-camel-to-kebab",
    },
    localization: { text: createApplicationText(options) },
    determineExitCode: (error) => (error instanceof MeshError ? error.exitCode : 1),
  });
}

function createApplicationText({ texts, usageOf, formatError }: AppOptions): ApplicationText {
  const { errors, help } = texts;
  const usage = (message: string) =>
    formatError(new MeshError("USAGE", message, { hint: errors.usageHint(usageOf) }));
  return {
    ...text_en,
    headers: help.headers,
    keywords: help.keywords,
    briefs: {
      help: help.briefs.help,
      helpAll: help.briefs.helpAll,
      version: help.briefs.version,
      argumentEscapeSequence: help.briefs.escape,
    },
    noCommandRegisteredForInput: ({ input, corrections }) =>
      formatError(new MeshError("USAGE", errors.unknownCommand(input, corrections))),
    exceptionWhileParsingArguments: (error) => usage(describeUsageError(error, texts)),
    exceptionWhileLoadingCommandFunction: formatError,
    exceptionWhileLoadingCommandContext: formatError,
    exceptionWhileRunningCommand: formatError,
    commandErrorResult: formatError,
  };
}

function describeUsageError(error: unknown, { errors }: Catalogue): string {
  if (!(error instanceof ArgumentScannerError)) return errors.unexpected(String(error));
  return formatMessageForArgumentScannerError(error, {
    FlagNotFoundError: ({ input, corrections }) => errors.unknownFlag(`--${input}`, corrections),
    AliasNotFoundError: ({ input }) => errors.unknownFlag(`-${input}`, []),
    ArgumentParseError: ({ externalFlagNameOrPlaceholder, input, exception }) =>
      errors.badValue(
        externalFlagNameOrPlaceholder,
        input,
        exception instanceof BadValue ? exception.message : String(exception),
      ),
    EnumValidationError: ({ externalFlagName, input, values }) =>
      errors.notOneOf(externalFlagName, input, values, null),
    UnsatisfiedFlagError: ({ externalFlagName }) => errors.missingValue(externalFlagName),
    UnexpectedFlagError: ({ externalFlagName }) => errors.givenTwice(externalFlagName),
    UnsatisfiedPositionalError: ({ placeholder }) => errors.missingArgument(placeholder),
    UnexpectedPositionalError: ({ input }) => errors.tooManyArguments(input),
  });
}
