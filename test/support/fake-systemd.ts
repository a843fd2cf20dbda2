import { chmod, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

/**
 * Programs called systemctl and journalctl that record how they were called and keep one state for all units. They stand in
 * for systemd, which cannot be started here: they show which commands are run and what is made of the answers, not that
 * systemd takes them.
 */
export interface FakeSystemd {
  /** For PATH. */
  readonly folder: string;
  /** All calls since the last time, one line each. */
  readonly calls: () => Promise<readonly string[]>;
  /** What `is-system-running` says. */
  readonly setCondition: (word: string) => Promise<void>;
  /** The next calls with this word fail and say this. */
  readonly failOn: (word: string, message: string) => Promise<void>;
  /** What `show` says from the second time on. */
  readonly showThen: (lines: string) => Promise<void>;
}

export async function createFakeSystemd(directory: string): Promise<FakeSystemd> {
  const folder = join(directory, "fake-systemd");
  await mkdir(folder);
  const file = (name: string) => join(folder, name);
  const script = `#!/bin/sh
cd '${folder}'
echo "$(basename "$0") $*" >> calls
[ "$1" = --user ] && shift
if [ -s fail ] && [ "$1" = "$(head -n 1 fail)" ]; then sed -n 2p fail >&2; exit 1; fi
case $1 in
  is-system-running) cat condition; [ "$(cat condition)" = running ] ;;
  start|restart) echo running > state ;;
  stop|disable) echo dead > state ;;
  show)
    if [ -s then ] && [ -e shown ]; then cat then; exit; fi
    touch shown
    if [ "$(cat state)" = running ]; then echo ActiveState=active; echo SubState=running; echo MainPID=812
    else echo ActiveState=inactive; echo SubState=dead; echo MainPID=0; fi
    echo UnitFileState=enabled; echo NRestarts=0 ;;
  --unit=*) echo "2026-11-23T02:00:00+0000 host claw-mesh[812]: a line of the journal" ;;
esac
`;
  for (const name of ["systemctl", "journalctl"]) {
    await writeFile(file(name), script);
    await chmod(file(name), 0o755);
  }
  await writeFile(file("state"), "dead\n");
  await writeFile(file("condition"), "running\n");
  await writeFile(file("calls"), "");
  return {
    folder,
    calls: async () => {
      const lines = (await readFile(file("calls"), "utf8")).split("\n").filter((line) => line !== "");
      await writeFile(file("calls"), "");
      return lines;
    },
    setCondition: (word) => writeFile(file("condition"), `${word}\n`),
    showThen: (lines) => writeFile(file("then"), `${lines}\n`),
    failOn: (word, message) => writeFile(file("fail"), `${word}\n${message}\n`),
  };
}
