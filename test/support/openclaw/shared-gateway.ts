import { type FakeProvider, startFakeProvider } from "./fake-provider.ts";
import { type Gateway, startGateway } from "./gateway.ts";
import { openPlainClient } from "./plain-client.ts";

/** A gateway and the model behind it. */
export interface OpenclawRig {
  readonly gateway: Gateway;
  readonly provider: FakeProvider;
}

/** Longest start of the rig, its warm-up included; for `beforeAll`. */
export const rigTimeoutMs = 180_000;

/**
 * Whether the tests against the real OpenClaw are to run. `make test-openclaw` sets the variable; elsewhere they are
 * skipped, and say so.
 */
export const isOpenclawWanted = isWanted();

function isWanted(): boolean {
  if ((process.env.CLAW_MESH_OPENCLAW ?? "") !== "") return true;
  console.warn("SKIPPED: the tests against the real OpenClaw; run them with: make test-openclaw");
  return false;
}

let rig: Promise<OpenclawRig> | null = null;

/**
 * The one gateway that the test files of a process share: it takes 10 s to start and 1 GB to run. Ends with the process.
 * A file that kills it starts it again before it ends.
 */
export async function sharedRig(): Promise<OpenclawRig> {
  rig ??= startRig();
  const { gateway, provider } = await rig;
  // One test that timed out must not take the files after it along.
  if (!gateway.isRunning()) {
    await gateway.start();
    await warmUp(gateway);
  }
  return { gateway, provider };
}

async function startRig(): Promise<OpenclawRig> {
  const provider = startFakeProvider();
  const gateway = await startGateway({ provider });
  await warmUp(gateway);
  return { gateway, provider };
}

/** The first run after a start takes up to 13 s; later ones half a second. */
export async function warmUp(gateway: Gateway): Promise<void> {
  using client = await openPlainClient(gateway);
  await client.runToEnd("warm-up");
}
