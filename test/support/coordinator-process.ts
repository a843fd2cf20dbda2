import { startCoordinator } from "../../src/coordinator/index.ts";
import { testCoordinatorOptions } from "./test-coordinator.ts";

/** A coordinator on the data directory of its argument; prints its port, ends with SIGTERM. */
const dataDir = process.argv[2];
if (dataDir === undefined) throw new Error("usage: coordinator-process.ts <data dir>");
const coordinator = await startCoordinator(testCoordinatorOptions(dataDir));
process.once("SIGTERM", () => void coordinator.stop(0).then(() => process.exit(0)));
console.log(coordinator.port);
