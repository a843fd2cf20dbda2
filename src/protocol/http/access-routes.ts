import { z } from "zod";
import { InviteId } from "../ids.ts";
import { apiPrefix, route } from "./route.ts";

export const InviteInput = z.strictObject({
  /** Seconds until the invite expires. */
  ttl_s: z
    .int()
    .min(10)
    .max(30 * 24 * 3600)
    .optional(),
});

export const Invite = z.object({
  id: InviteId,
  /** Shown once. */
  code: z.string(),
  expires_at: z.iso.datetime(),
  /** Addresses of this coordinator that another machine may be able to reach. */
  urls: z.array(z.string()),
});
export type Invite = z.infer<typeof Invite>;

export const accessRoutes = {
  createInvite: route({
    operationId: "createInvite",
    method: "POST",
    path: `${apiPrefix}/invites`,
    tag: "access",
    scopes: ["admin"],
    summary: "A one-use, expiring right to join",
    body: InviteInput,
    status: 201,
    answer: Invite,
    errors: [],
  }),
} as const;
