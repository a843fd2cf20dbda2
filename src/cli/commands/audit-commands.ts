import { buildCommand, buildRouteMap } from "@stricli/core";
import type { ListAuditFlags, VerifyAuditFlags } from "../actions/audit.ts";
import type { CliContext } from "../context.ts";
import type { HelpText } from "../help-text.ts";
import { BadValue, parseCount, parseText } from "../parsers.ts";

export function createAuditCommands({ texts, docs }: HelpText) {
  const { audit, auditList, auditVerify } = texts.commands;
  const { flags } = auditList;
  const text = { kind: "parsed", parse: parseText, optional: true } as const;
  return buildRouteMap<string, CliContext>({
    docs: docs(audit),
    routes: {
      list: buildCommand<ListAuditFlags, [], CliContext>({
        loader: async () => (await import("../actions/audit.ts")).listAudit,
        docs: docs(auditList),
        parameters: {
          flags: {
            limit: {
              kind: "parsed",
              parse: parseCount,
              brief: flags.limit,
              optional: true,
              placeholder: "count",
            },
            subject: { ...text, brief: flags.subject, placeholder: "who" },
            action: { ...text, brief: flags.action, placeholder: "action" },
            target: { ...text, brief: flags.target, placeholder: "what" },
          },
        },
      }),
      verify: buildCommand<VerifyAuditFlags, [], CliContext>({
        loader: async () => (await import("../actions/audit.ts")).verifyAudit,
        docs: docs(auditVerify),
        parameters: {
          flags: {
            head: {
              kind: "parsed",
              parse: parseHead,
              brief: auditVerify.flags.head,
              optional: true,
              placeholder: "hash",
            },
          },
        },
      }),
    },
  });
}

function parseHead(this: CliContext, text: string): string {
  // Of zeros alone is what stands before the first entry: every chain has it.
  if (!/^(?!0{64})[0-9a-f]{64}$/i.test(text)) throw new BadValue(this.texts.audit.notAHead);
  return text;
}
