import { z } from "zod";

/** Answers of an agent as far as they are used. The SDK passes on whatever comes. */

const orNothing = <Schema extends z.ZodType>(schema: Schema) => schema.nullish().catch(null);

export const InitializeAnswer = z.object({
  protocolVersion: z.number(),
  agentInfo: orNothing(z.object({ version: orNothing(z.string()) })),
  authMethods: orNothing(z.array(z.object({ name: z.string() }))),
  agentCapabilities: orNothing(
    z.object({
      loadSession: orNothing(z.boolean()),
      /** An object, even an empty one, says that the agent can. */
      sessionCapabilities: orNothing(
        z.object({ resume: orNothing(z.looseObject({})), close: orNothing(z.looseObject({})) }),
      ),
    }),
  ),
});
export type InitializeAnswer = z.infer<typeof InitializeAnswer>;

/** Characters of a session's id. */
const maxIdLength = 1_024;

export const NewSessionAnswer = z.object({ sessionId: z.string().min(1).max(maxIdLength) });

export const PromptAnswer = z.object({ stopReason: z.string() });
