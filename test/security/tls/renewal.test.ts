import { describe, expect, test } from "bun:test";
import { X509Certificate } from "node:crypto";
import { rm, writeFile } from "node:fs/promises";
import { createServerCertificate } from "../../../src/coordinator/tls/server-certificate.ts";
import type { Clock } from "../../../src/platform/clock.ts";
import { systemClock } from "../../../src/platform/clock.ts";
import { silentLog } from "../../../src/platform/log.ts";
import { fetchCertificates } from "../../../src/platform/tls/handshake.ts";
import { MeshError } from "../../../src/protocol/errors.ts";
import { createManualClock } from "../../support/manual-clock.ts";
import { createTempDir } from "../../support/temp-dir.ts";
import { until } from "../../support/until.ts";
import {
  createAuthority,
  createLeaf,
  createTlsMesh,
  dayMs,
  type TlsMesh,
  writeCertificate,
} from "./tls-world.ts";

const hourMs = 3600 * 1000;

/** Starts so far from the present; its timers fire when it is moved. */
function createPresentClock(offsetMs = 0) {
  const manual = createManualClock();
  manual.skipWall(Date.now() + offsetMs - manual.nowMs());
  return manual;
}

async function served(mesh: TlsMesh): Promise<string> {
  const [leaf] = await fetchCertificates({ url: mesh.url(), proxyUrl: null, clock: systemClock });
  return leaf.fingerprint256;
}

const changed = (mesh: TlsMesh, before: string) =>
  until("another certificate", async () => {
    try {
      const now = await served(mesh);
      return now === before ? null : now;
    } catch (error) {
      // A connection that is made in the moment of the change may be reset.
      if (error instanceof MeshError) return null;
      throw error;
    }
  });

describe("a certificate of the coordinator's own", () => {
  test("is renewed while a link and an answer are open, and neither notices", async () => {
    // Two months ago, so that what it renews now is good now.
    const clock = createPresentClock(-61 * dayMs);
    await using mesh = await createTlsMesh({ certificateClock: clock });
    const statuses: string[] = [];
    const agent = await mesh.join({
      code: await mesh.invite(),
      onStatus: ({ state }) => statuses.push(state),
    });
    const before = await served(mesh);
    // It waits for a machine that comes only after the renewal.
    const task = JSON.stringify({ content: "while it is renewed", requires: { tags: ["late"] } });
    const queued = await mesh.call("/api/v1/tasks", { method: "POST", body: task });
    const { id } = (await queued.json()) as { readonly id: string };
    const headers = { accept: "text/event-stream" };
    const followed = await mesh.call(`/api/v1/tasks/${id}/stream`, { headers });

    clock.skipWall(61 * dayMs);
    clock.advance(hourMs);
    expect(await changed(mesh, before)).not.toBe(before);

    const body = JSON.stringify({ content: "after it" });
    const answer = await mesh.call("/api/v1/route", { method: "POST", body });
    expect(await answer.json()).toMatchObject({ node_id: agent.nodeId });
    // A machine that joins now is told the same pin, and sees the new certificate.
    const late = await mesh.join({ code: await mesh.invite(), name: "wren", tags: ["late"] });
    expect(await followed.text()).toContain("while it is renewed");
    expect(late.selfTest.authenticated).toBe(true);
    expect(statuses).toEqual(["linked"]);
    const audited = await (await mesh.call("/api/v1/audit?action=certificate.renew")).json();
    expect(audited).toMatchObject({ entries: [{ subject: "coordinator", result: "ok" }] });
  });

  test("is looked at every hour, and left alone while it is young", async () => {
    const clock = createPresentClock();
    await using mesh = await createTlsMesh({ certificateClock: clock });
    const before = await served(mesh);
    for (let hours = 0; hours < 5; hours += 1) {
      clock.advance(hourMs);
      await until("the next look is planned", async () => clock.timerCount() === 1);
    }
    expect(await served(mesh)).toBe(before);
  });

  test("is not shown anew while it is young: its listener is left alone", async () => {
    const clock = createPresentClock();
    await using dir = await createTempDir();
    const certificate = await createServerCertificate({
      settings: { kind: "own", names: [] },
      dataDir: dir.path,
      clock,
      log: silentLog,
    });
    let changes = 0;
    certificate.start(() => {
      changes += 1;
    });
    for (let hours = 0; hours < 5; hours += 1) {
      clock.advance(hourMs);
      await until("the next look is planned", async () => clock.timerCount() === 1);
    }
    expect(changes).toBe(0);
    // Past two thirds of its time.
    clock.skipWall(61 * dayMs);
    clock.advance(hourMs);
    await until("another one is shown", async () => changes === 1);
    certificate.stop();
  });

  test("is made at the next start when it has ended meanwhile", async () => {
    await using mesh = await createTlsMesh();
    const agent = await mesh.join({ code: await mesh.invite() });
    const before = await served(mesh);
    const late: Clock = { ...systemClock, nowMs: () => Date.now() + 80 * dayMs };
    await mesh.restart({ certificateClock: late });
    expect(await served(mesh)).not.toBe(before);
    expect(agent.nodeId).toStartWith("node_");
  });

  test("that cannot be renewed goes on, and the log says so", async () => {
    const clock = createPresentClock();
    const said: string[] = [];
    await using mesh = await createTlsMesh({
      certificateClock: clock,
      log: recordingLog(said),
    });
    const before = await served(mesh);
    await rm(`${mesh.dataDir}/tls/ca.key`);
    clock.skipWall(61 * dayMs);
    clock.advance(hourMs);
    await until("a line in the log", async () => said.some((line) => line.includes("could not be renewed")));
    expect(await served(mesh)).toBe(before);
  });
});

describe("certificate files from elsewhere", () => {
  const names = ["localhost", "127.0.0.1"];
  const lookMs = 30_000;

  test("that are replaced are served without a restart", async () => {
    const clock = createPresentClock();
    const authority = await createAuthority("CN=the company");
    await using mesh = await createTlsMesh({ certificateClock: clock });
    const files = await writeCertificate(mesh.directory, await createLeaf(authority, names, 80));
    await mesh.restart({ tls: files });
    const before = await served(mesh);
    const next = await createLeaf(authority, names);
    await writeCertificate(mesh.directory, next);
    clock.advance(lookMs);
    expect(await changed(mesh, before)).toBe(new X509Certificate(next.certificate).fingerprint256);
    const answer = await mesh.call("/healthz", {}, { ca: authority.certificate, serverName: null });
    expect(answer.status).toBe(200);
  });

  test("that nobody renews are warned of once a day, and are an error when they have ended", async () => {
    const clock = createPresentClock();
    const said: string[] = [];
    const authority = await createAuthority("CN=the company");
    await using mesh = await createTlsMesh({ certificateClock: clock });
    const files = await writeCertificate(mesh.directory, await createLeaf(authority, names, 70));
    await mesh.restart({ tls: files, log: recordingLog(said) });
    const look = async () => {
      clock.advance(lookMs);
      await until("the next look is planned", async () => clock.timerCount() === 1);
      return said.filter((line) => line.startsWith("the certificate")).map((line) => line.split(" ")[2]);
    };
    // It has 20 days left.
    expect(await look()).toEqual([]);
    clock.skipWall(7 * dayMs);
    for (let looks = 0; looks < 3; looks += 1) expect(await look()).toEqual(["ends"]);
    clock.skipWall(dayMs);
    for (let looks = 0; looks < 3; looks += 1) expect(await look()).toEqual(["ends", "ends"]);
    clock.skipWall(12 * dayMs);
    for (let looks = 0; looks < 3; looks += 1) expect(await look()).toEqual(["ends", "ends", "has"]);
    clock.skipWall(dayMs);
    expect(await look()).toEqual(["ends", "ends", "has", "has"]);
  });

  test("of which only one is there yet change nothing until the other is", async () => {
    const clock = createPresentClock();
    const said: string[] = [];
    const authority = await createAuthority("CN=the company");
    await using mesh = await createTlsMesh({ certificateClock: clock, log: recordingLog(said) });
    const files = await writeCertificate(mesh.directory, await createLeaf(authority, names));
    await mesh.restart({ tls: files });
    const before = await served(mesh);
    const next = await createLeaf(authority, names);
    await writeFile(files.certFile, next.certificate);
    clock.advance(lookMs);
    await until("a line in the log", async () => said.some((line) => line.includes("could not be renewed")));
    expect(await served(mesh)).toBe(before);
    await writeFile(files.keyFile, next.key);
    clock.advance(lookMs);
    await changed(mesh, before);
  });
});

function recordingLog(said: string[]) {
  const say = (message: string) => void said.push(message);
  const log = { debug: () => {}, info: say, warn: say, error: say, child: () => log };
  return log;
}
