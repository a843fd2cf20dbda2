import type { RuntimeKind } from "../protocol/capability.ts";
import type { Supervision } from "../protocol/node.ts";

/** A gateway that is started again when it ends. The node agent shows its state and ends it with itself. */
export interface SupervisedGateway {
  readonly kind: RuntimeKind;
  readonly state: () => Supervision;
  /** Told whenever {@link state} has changed. @returns how to end that */
  readonly onChange: (listener: () => void) => () => void;
  /** Ends the gateway and the care for it: SIGTERM, after its limit SIGKILL. May be called again. */
  readonly stop: () => Promise<void>;
}
