import {
  AliasNotFoundError,
  type ApplicationText,
  ArgumentParseError,
  ArgumentScannerError,
  buildApplication,
  buildRouteMap,
  EnumValidationError,
  FlagNotFoundError,
  text_en,
  UnexpectedFlagError,
  UnexpectedPositionalError,
  UnsatisfiedFlagError,
  UnsatisfiedPositionalError,
} from "@stricli/core";
import type { Catalogue } from "../locale/index.ts";
import { errorCatalogue, MeshError } from "../protocol/errors.ts";
import { nearestName } from "../protocol/nearest-name.ts";
import { createDoctorCommand, createInitCommand, createVersionCommand } from "./commands/access-commands.ts";
import { createAuditCommands } from "./commands/audit-commands.ts";
import { createDeadLetterCommands } from "./commands/dead-letter-commands.ts";
import { createInviteCommands } from "./commands/invite-commands.ts";
import { createLabCommand } from "./commands/lab-command.ts";
import { createNodeCommands, createNodesCommand, createStatusCommand } from "./commands/mesh-commands.ts";
import { createSendCommand } from "./commands/message-commands.ts";
import { createGroupCommands, createRouteCommands } from "./commands/rule-commands.ts";
import { createRuntimeCommands } from "./commands/runtime-commands.ts";
import { createJoinCommand, createUpCommand } from "./commands/server-commands.ts";
import { createServiceCommands } from "./commands/service-commands.ts";
import { createSkillsCommand } from "./commands/skill-commands.ts";
import { createTaskCommands } from "./commands/task-commands.ts";
import { createTokenCommands } from "./commands/token-commands.ts";
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
      skills: createSkillsCommand(help),
      send: createSendCommand(help),
      task: createTaskCommands(help),
      "dead-letter": createDeadLetterCommands(help),
      route: createRouteCommands(help),
      group: createGroupCommands(help),
      node: createNodeCommands(help),
      runtime: createRuntimeCommands(help),
      service: createServiceCommands(help),
      invite: createInviteCommands(help),
      token: createTokenCommands(help),
      audit: createAuditCommands(help),
      init: createInitCommand(help),
      doctor: createDoctorCommand(help),
      lab: createLabCommand(help),
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

function createApplicationText(options: AppOptions): ApplicationText {
  const { texts, usageOf } = options;
  const { errors, help } = texts;
  const usage = (message: string, command = usageOf) =>
    options.formatError(new MeshError("USAGE", message, { hint: errors.usageHint(command) }));
  const formatError = (error: unknown) =>
    error instanceof MeshError && error.code === "USAGE" && error.hint === errorCatalogue.USAGE.hint
      ? usage(error.message)
      : options.formatError(error);
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
      usage(errors.unknownCommand(input, corrections), withoutLast(usageOf, input)),
    exceptionWhileParsingArguments: (error) => usage(describeUsageError(error, texts)),
    exceptionWhileLoadingCommandFunction: formatError,
    exceptionWhileLoadingCommandContext: formatError,
    exceptionWhileRunningCommand: formatError,
    commandErrorResult: formatError,
  };
}

/** `claw-mesh route` of `claw-mesh route ad`, of which `ad` is no command. */
function withoutLast(usageOf: string, word: string): string {
  return usageOf.endsWith(` ${word}`) ? usageOf.slice(0, -word.length - 1) : usageOf;
}

/** By the classes of the library and not by their names, which are other ones in the executable. */
function describeUsageError(error: unknown, { errors }: Catalogue): string {
  if (error instanceof FlagNotFoundError) return errors.unknownFlag(`--${error.input}`, error.corrections);
  if (error instanceof AliasNotFoundError) return errors.unknownFlag(`-${error.input}`, []);
  if (error instanceof ArgumentParseError) {
    const { externalFlagNameOrPlaceholder: name, input, exception } = error;
    return errors.badValue(
      name,
      input,
      exception instanceof BadValue ? exception.message : String(exception),
    );
  }
  if (error instanceof EnumValidationError)
    return errors.notOneOf(
      error.externalFlagName,
      error.input,
      error.values,
      nearestName(error.input, error.values),
    );
  if (error instanceof UnsatisfiedFlagError) return errors.missingFlag(error.externalFlagName);
  if (error instanceof UnexpectedFlagError) return errors.givenTwice(error.externalFlagName);
  if (error instanceof UnsatisfiedPositionalError) return errors.missingArgument(error.placeholder);
  if (error instanceof UnexpectedPositionalError) return errors.tooManyArguments(error.input);
  return error instanceof ArgumentScannerError ? error.message : errors.unexpected(String(error));
}
