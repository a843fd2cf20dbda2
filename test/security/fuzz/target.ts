import type fc from "fast-check";

/** Something that takes input from outside. */
export interface FuzzTarget<Input = unknown> extends AsyncDisposable {
  /** Inputs are JSON, so that one can be kept in a file. */
  readonly inputs: fc.Arbitrary<Input>;
  /** Feeds one input. Throws when the product did what it must not do. */
  readonly feed: (input: Input) => Promise<void> | void;
}

/** What every input is tried on, by name; started when it is needed. */
export type StartTarget = () => Promise<FuzzTarget>;

/** Lets a target of one kind of inputs stand among the others. */
export function asTarget<Input>(target: FuzzTarget<Input>): FuzzTarget {
  return { ...target, inputs: target.inputs, feed: (input) => target.feed(input as Input) };
}

/** For a target that holds nothing open. */
export async function holdsNothing(): Promise<void> {
  await Promise.resolve();
}
