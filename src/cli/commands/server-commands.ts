import { buildCommand } from "@stricli/core";
import type { JoinFlags } from "../actions/join.ts";
import type { UpFlags } from "../actions/up.ts";
import type { CliContext } from "../context.ts";
import type { HelpText } from "../help-text.ts";
import {
  parseCount,
  parseDuration,
  parseList,
  parsePort,
  parseSecret,
  parseText,
  parseWords,
} from "../parsers.ts";
import { createProvisionFlags } from "./provision-flags.ts";

export function createUpCommand({ texts, docs }: HelpText) {
  const { up } = texts.commands;
  return buildCommand<UpFlags, [], CliContext>({
    loader: async () => (await import("../actions/up.ts")).runUp,
    docs: docs(up),
    parameters: {
      flags: {
        port: { kind: "parsed", parse: parsePort, brief: up.flags.port, optional: true, placeholder: "n" },
        host: {
          kind: "parsed",
          parse: parseText,
          brief: up.flags.host,
          optional: true,
          placeholder: "address",
        },
        allowPrivate: { kind: "boolean", brief: up.flags.allowPrivate, optional: true, withNegated: false },
        dataDir: {
          kind: "parsed",
          parse: parseText,
          brief: up.flags.dataDir,
          optional: true,
          placeholder: "dir",
        },
        tls: { kind: "boolean", brief: up.flags.tls, optional: true, withNegated: false },
        cert: { kind: "parsed", parse: parseText, brief: up.flags.cert, optional: true, placeholder: "file" },
        key: { kind: "parsed", parse: parseText, brief: up.flags.key, optional: true, placeholder: "file" },
        local: {
          kind: "parsed",
          parse: parseList,
          brief: up.flags.local,
          optional: true,
          placeholder: "runtimes",
        },
        noLocal: { kind: "boolean", brief: up.flags.noLocal, optional: true, withNegated: false },
        gatewayModel: {
          kind: "parsed",
          parse: parseText,
          brief: up.flags.gatewayModel,
          optional: true,
          placeholder: "model",
        },
        logJson: { kind: "boolean", brief: up.flags.logJson, optional: true, withNegated: false },
      },
    },
  });
}

export function createJoinCommand({ texts, docs }: HelpText) {
  const { join, placeholders } = texts.commands;
  const text = { kind: "parsed", parse: parseText, optional: true } as const;
  return buildCommand<JoinFlags, [string], CliContext>({
    loader: async () => (await import("../actions/join.ts")).runJoin,
    docs: docs(join),
    parameters: {
      positional: {
        kind: "tuple",
        parameters: [{ parse: parseText, brief: join.arguments.url, placeholder: placeholders.url }],
      },
      flags: {
        name: { ...text, brief: join.flags.name, placeholder: "name" },
        tags: { ...text, parse: parseList, brief: join.flags.tags, placeholder: "tags" },
        slots: { ...text, parse: parseCount, brief: join.flags.slots, placeholder: "n" },
        noGateway: { kind: "boolean", brief: join.flags.noGateway, optional: true, withNegated: false },
        runtime: { ...text, parse: parseWords, brief: join.flags.runtime, placeholder: "runtimes" },
        gatewayEndpoint: { ...text, brief: join.flags.gatewayEndpoint, placeholder: "address" },
        gatewayToken: { ...text, parse: parseSecret, brief: join.flags.gatewayToken, placeholder: "token" },
        gatewayModel: { ...text, brief: join.flags.gatewayModel, placeholder: "model" },
        gatewayTimeout: {
          ...text,
          parse: parseDuration,
          brief: join.flags.gatewayTimeout,
          placeholder: "time",
        },
        dataDir: { ...text, brief: join.flags.dataDir, placeholder: "dir" },
        logJson: { kind: "boolean", brief: join.flags.logJson, optional: true, withNegated: false },
        listen: { ...text, brief: join.flags.listen, placeholder: "address" },
        endpoint: { ...text, brief: join.flags.endpoint, placeholder: "host:port" },
        noSyncConfig: {
          kind: "boolean",
          brief: join.flags.noSyncConfig,
          optional: true,
          withNegated: false,
          hidden: true,
        },
        syncConfig: { kind: "boolean", brief: join.flags.syncConfig, optional: true, withNegated: false },
        runtimeCommand: { ...text, brief: join.flags.runtimeCommand, placeholder: "command" },
        approvals: {
          kind: "enum",
          values: ["deny", "fail", "allow"],
          brief: join.flags.approvals,
          optional: true,
          placeholder: "policy",
        },
        supervise: { kind: "boolean", brief: join.flags.supervise, optional: true, withNegated: false },
        autoInstall: { kind: "boolean", brief: join.flags.autoInstall, optional: true, withNegated: false },
        ...createProvisionFlags(texts),
      },
    },
  });
}
