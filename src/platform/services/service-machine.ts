import { readFile, stat } from "node:fs/promises";
import { userInfo } from "node:os";
import { basename, join, sep } from "node:path";
import { MeshError } from "../../protocol/errors.ts";
import { readTextIfExists } from "../atomic-file.ts";
import { createLaunchdManager } from "./launchd-manager.ts";
import type { RunCommand } from "./service-command.ts";
import type { ServiceScope } from "./service-id.ts";
import type { ServiceManager } from "./service-manager.ts";
import { createSystemdManager } from "./systemd-manager.ts";

/** What decides which service manager there is, and for whom. */
export interface ServiceMachine {
  readonly platform: NodeJS.Platform;
  /** null on Windows. */
  readonly uid: number | null;
  readonly userName: string;
  readonly home: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

export function readServiceMachine(
  env: Readonly<Record<string, string | undefined>>,
  home: string,
): ServiceMachine {
  return {
    platform: process.platform,
    uid: process.getuid?.() ?? null,
    userName: userInfo().username,
    home,
    env,
  };
}

/** Services of the system are root's; everybody else has services of his own. */
export function defaultScope({ uid }: ServiceMachine): ServiceScope {
  return uid === 0 ? "system" : "user";
}

/** @throws MeshError SERVICE_UNAVAILABLE on a system with neither systemd nor launchd */
export function chooseServiceManager(machine: ServiceMachine, scope: ServiceScope): ServiceManager {
  const { platform, uid, home, env } = machine;
  if (platform === "darwin") return createLaunchdManager({ scope, home, uid: uid ?? 0 });
  if (platform === "linux") {
    const configHome = env.XDG_CONFIG_HOME ?? "";
    return createSystemdManager({
      scope,
      configHome: configHome.startsWith("/") ? configHome : join(home, ".config"),
    });
  }
  throw new MeshError(
    "SERVICE_UNAVAILABLE",
    `services are managed with systemd and launchd only, not on ${platform}`,
  );
}

/** Folders that are emptied, or that every user may write to. */
const passingFolders = ["/tmp", "/var/tmp", "/private/tmp", "/private/var/tmp", "/dev/shm", "/run"];

/** @throws MeshError SERVICE_UNAVAILABLE for an executable that will not be there at the next start, or is not ours */
export function checkServiceProgram(program: string): void {
  const install =
    "Copy the executable to a place that stays, such as /usr/local/bin or ~/.local/bin, and run that one.";
  if (/^bun(-debug|-profile)?(\.exe)?$/.test(basename(program))) {
    throw new MeshError(
      "SERVICE_UNAVAILABLE",
      "claw-mesh runs from its sources, and a service needs the executable",
      {
        hint: `Build it with: make build. ${install}`,
      },
    );
  }
  const folder = passingFolders.find((path) => program.startsWith(path + sep));
  if (folder === undefined) return;
  throw new MeshError("SERVICE_UNAVAILABLE", `${program} is in ${folder}, which does not last`, {
    hint: install,
  });
}

/** A user of this machine, as far as a service has to know. */
export interface ServiceUser {
  readonly name: string;
  readonly home: string;
  readonly uid: number;
  readonly gid: number;
}

/**
 * @param run asks the programs of the system, as users need not be in a file
 * @throws MeshError USAGE when there is no such user, or his home is another's
 */
export async function findServiceUser(
  name: string,
  { platform, run }: { readonly platform: NodeJS.Platform; readonly run: RunCommand },
): Promise<ServiceUser> {
  const user = platform === "darwin" ? await askMac(name, run) : await askPasswd(name, run);
  const stats = user === null ? null : await stat(user.home).catch(() => null);
  if (user === null || stats === null)
    throw new MeshError("USAGE", `there is no user "${name}" with a home here`);
  if (stats.uid !== user.uid) {
    throw new MeshError("USAGE", `${user.home}, the home of ${name}, does not belong to that user`, {
      hint: "A service keeps its data in the home of its user; choose another user.",
    });
  }
  return user;
}

async function askPasswd(name: string, run: RunCommand): Promise<ServiceUser | null> {
  if (/^-|[:\s]/.test(name)) return null;
  const { exitCode, stdout } = await run(["getent", "passwd", name]);
  // Systems without that program have the file, and nothing else.
  return readPasswd(exitCode === null ? await readFile("/etc/passwd", "utf8") : stdout, name);
}

async function askMac(name: string, run: RunCommand): Promise<ServiceUser | null> {
  if (!/^\w[\w.-]*$/.test(name)) return null;
  const [uid, gid] = await Promise.all(
    ["-u", "-g"].map(async (flag) => (await run(["id", flag, name])).stdout.trim()),
  );
  const home = name === "root" ? "/var/root" : `/Users/${name}`;
  return toUser({ name, uid, gid, home });
}

/** The user of that name in lines as of /etc/passwd. */
export function readPasswd(users: string, name: string): ServiceUser | null {
  const [, , uid, gid, , home] =
    users
      .split("\n")
      .map((line) => line.split(":"))
      .find(([user]) => user === name) ?? [];
  return toUser({ name, uid, gid, home });
}

function toUser(found: {
  readonly name: string;
  readonly uid: string | undefined;
  readonly gid: string | undefined;
  readonly home: string | undefined;
}): ServiceUser | null {
  const { name, uid = "", gid = "", home = "" } = found;
  if (!/^\d+$/.test(uid) || !/^\d+$/.test(gid) || !home.startsWith("/")) return null;
  return { name, home, uid: Number(uid), gid: Number(gid) };
}

/** Whether services of this user start with the machine; null: not known. Lingering is a file with the user's name. */
export async function hasLinger({ platform, userName }: ServiceMachine): Promise<boolean | null> {
  if (platform !== "linux") return null;
  return (await readTextIfExists(join("/var/lib/systemd/linger", basename(userName)))) !== null;
}
