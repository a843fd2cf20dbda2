import type { Rule } from "../../protocol/rule.ts";
import type { Handlers } from "../http/http-server.ts";
import type { Groups } from "./groups.ts";
import type { Router } from "./router.ts";
import type { Rules } from "./rules.ts";

interface RoutingRouteOptions {
  readonly router: Router;
  readonly rules: Rules;
  readonly groups: Groups;
}

type RoutingHandlers = Pick<
  Handlers,
  | "explainRoute"
  | "listRules"
  | "addRule"
  | "replaceRule"
  | "removeRule"
  | "orderRules"
  | "listGroups"
  | "putGroup"
  | "removeGroup"
>;

export function createRoutingRoutes({ router, rules, groups }: RoutingRouteOptions): RoutingHandlers {
  function withWarnings(rule: Rule): Rule {
    const all = rules.list();
    const at = all.findIndex(({ id }) => id === rule.id);
    const warnings = router.warningsFor(rule, { earlier: all.slice(0, at), later: all.slice(at + 1) });
    return warnings.length === 0 ? rule : { ...rule, warnings: [...warnings] };
  }

  return {
    explainRoute: ({ body, principal }) => {
      if (body.target !== undefined) router.assertKnown(body.target, principal.groups);
      const message = {
        subject: principal.subject,
        content: body.content,
        source: body.source,
        session: body.session ?? null,
        requires: body.requires ?? {},
        labels: body.labels ?? {},
        target: body.target ?? null,
        infer: body.infer ?? true,
        isUntrusted: principal.isUntrusted || body.untrusted === true,
        allowedGroups: principal.groups,
      };
      return router.explain(router.decide(message, null, null));
    },
    listRules: () => [...rules.list()],
    addRule: async ({ body }) => withWarnings(await rules.add(body)),
    replaceRule: async ({ params, body }) => withWarnings(await rules.replace(params.id, body)),
    removeRule: async ({ params }) => {
      await rules.remove(params.id);
      return undefined;
    },
    orderRules: async ({ body }) => [...(await rules.order(body.ids))],
    listGroups: () => [...groups.list()],
    putGroup: ({ params, body }) => groups.put(params.name, body),
    removeGroup: async ({ params }) => {
      await groups.remove(params.name);
      return undefined;
    },
  };
}
