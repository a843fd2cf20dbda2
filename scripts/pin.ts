/**
 * The pinned files under `test/pins/` hold what others rely on. `bun scripts/pin.ts` says which differ from the source;
 * `bun scripts/pin.ts update` takes the present state over, for a change that is meant. Look at the diff before committing.
 */
import { join } from "node:path";
import { pinFolder, pins } from "../test/support/pins.ts";

const isUpdate = process.argv[2] === "update";
for (const [name, create] of Object.entries(pins)) {
  const file = Bun.file(join(pinFolder, name));
  const expected = await create();
  const pinned = (await file.exists()) ? await file.text() : null;
  if (pinned === expected) continue;
  if (isUpdate) await file.write(expected);
  else process.exitCode = 1;
  console.log(`${isUpdate ? "updated" : "differs"}: test/pins/${name}`);
}
