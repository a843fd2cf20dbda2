import { MeshError } from "../protocol/errors.ts";

/** STORE_UNAVAILABLE for good: there is nothing to wait for. */
export class StoreClosedError extends MeshError {
  constructor() {
    super("STORE_UNAVAILABLE", "the store is closed", {
      hint: "The coordinator is stopping; try again when it is back.",
    });
  }
}
