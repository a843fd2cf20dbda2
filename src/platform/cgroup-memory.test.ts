import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { createTempDir } from "../../test/support/temp-dir.ts";
import { readCgroupFreeBytes } from "./cgroup-memory.ts";

const table: readonly (readonly [
  name: string,
  files: Readonly<Record<string, string>>,
  free: number | null,
])[] = [
  ["nothing where there are no groups", {}, null],
  [
    "nothing where no group has a limit",
    {
      "proc/self/cgroup": "0::/user.slice/a\n",
      "sys/fs/cgroup/user.slice/a/memory.max": "max\n",
      "sys/fs/cgroup/user.slice/a/memory.current": "100\n",
    },
    null,
  ],
  [
    "the limit less the use, with what can be given back",
    {
      "proc/self/cgroup": "0::/a\n",
      "sys/fs/cgroup/a/memory.max": "1000\n",
      "sys/fs/cgroup/a/memory.current": "700\n",
      "sys/fs/cgroup/a/memory.stat": "anon 400\nfile 300\ninactive_file 200\n",
    },
    500,
  ],
  [
    "the least of the groups above",
    {
      "proc/self/cgroup": "0::/a/b\n",
      "sys/fs/cgroup/a/memory.max": "1000\n",
      "sys/fs/cgroup/a/memory.current": "900\n",
      "sys/fs/cgroup/a/b/memory.max": "800\n",
      "sys/fs/cgroup/a/b/memory.current": "100\n",
    },
    100,
  ],
  [
    "the group of a container, whose own path is not there",
    {
      "proc/self/cgroup": "12:cpu,cpuacct:/docker/x\n4:memory:/docker/x\n0::/\n",
      "sys/fs/cgroup/memory/memory.limit_in_bytes": "1000\n",
      "sys/fs/cgroup/memory/memory.usage_in_bytes": "600\n",
      "sys/fs/cgroup/memory/memory.stat": "inactive_file 1\ntotal_inactive_file 50\n",
    },
    450,
  ],
  [
    "nothing where the limit of version 1 is none",
    {
      "proc/self/cgroup": "4:memory:/\n",
      "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
      "sys/fs/cgroup/memory/memory.usage_in_bytes": "600\n",
    },
    null,
  ],
  [
    "never less than nothing",
    {
      "proc/self/cgroup": "0::/\n",
      "sys/fs/cgroup/memory.max": "1000\n",
      "sys/fs/cgroup/memory.current": "1200\n",
    },
    0,
  ],
];

describe("the memory that control groups leave", () => {
  test.each(table)("is %s", async (_, files, free) => {
    await using root = await createTempDir();
    for (const [path, text] of Object.entries(files)) await Bun.write(join(root.path, path), text);
    expect(readCgroupFreeBytes(root.path)).toBe(free);
  });
});
