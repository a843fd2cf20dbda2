import { afterEach, beforeEach, describe } from "bun:test";
import type { Store } from "../../src/store/store.ts";
import { describeAccess } from "./store-access.ts";
import { describeAudit } from "./store-audit.ts";
import { describeDurability } from "./store-durability.ts";
import { describeEndedTasks } from "./store-ended-tasks.ts";
import { describeLists } from "./store-lists.ts";
import { describeMesh } from "./store-mesh.ts";
import { describeTaskModel } from "./store-model.ts";
import { describeTasks } from "./store-tasks.ts";

/** A place that holds the state of one mesh, empty at first. */
export interface StorePlace {
  /** At most one store is open at a time. */
  readonly open: () => Promise<Store>;
  /**
   * Command of a process that opens the store, writes tasks until it is killed, and prints one line for each write that
   * was resolved: see `test/support/store/write-until-killed.ts`.
   */
  readonly writerCommand: readonly string[];
  readonly remove: () => Promise<void>;
}

/** An implementation of the store. */
export interface StoreSubject {
  readonly createPlace: () => Promise<StorePlace>;
}

/** The open store of the running test. */
export interface StoreUnderTest {
  readonly place: () => StorePlace;
  readonly store: () => Store;
  /** Closes the store and opens it again, as a restart does. */
  readonly reopen: () => Promise<Store>;
}

/** What every store promises the coordinator. Call it at the top of a test file, once per subject. */
export function storeContract(name: string, subject: StoreSubject): void {
  describe(`store contract: ${name}`, () => {
    let place: StorePlace;
    let store: Store;

    beforeEach(async () => {
      place = await subject.createPlace();
      store = await place.open();
    });
    afterEach(async () => {
      await store.close();
      await place.remove();
    });

    const underTest: StoreUnderTest = {
      place: () => place,
      store: () => store,
      reopen: async () => {
        await store.close();
        store = await place.open();
        return store;
      },
    };
    describeTasks(underTest);
    describeLists(underTest);
    describeEndedTasks(underTest);
    describeMesh(underTest);
    describeAccess(underTest);
    describeAudit(underTest);
    describeDurability(underTest);
    describeTaskModel(underTest);
  });
}
