import { describe, expect, test } from "bun:test";
import { createManualClock } from "../../../test/support/manual-clock.ts";
import { silentLog } from "../../platform/log.ts";
import type { ServedCertificate } from "../../platform/tls/own-certificates.ts";
import { Secret } from "../../protocol/secret.ts";
import { listenAddress, openListener } from "./listener.ts";

const certificate = (cert: string): ServedCertificate => ({ cert, key: new Secret("key") });
const retryMs = 200;

/** A listener on a port that somebody else may have, and whose servers may fail to stop. */
function setUp() {
  const clock = createManualClock();
  const serving: string[] = [];
  const said: string[] = [];
  const port = { isTaken: false, refusesToStop: false };
  const say = (message: string) => void said.push(message);
  const listener = openListener(
    { hostname: "127.0.0.1", port: 1, tls: certificate("first") },
    {
      serve: ({ tls }) => {
        if (port.isTaken || serving.length > 0)
          throw Object.assign(new Error("in use"), { code: "EADDRINUSE" });
        const cert = tls?.cert ?? "none";
        serving.push(cert);
        const stop = async () => {
          if (serving[0] === cert) serving.shift();
          if (port.refusesToStop) throw new Error("it does not stop");
        };
        return { port: 1, pendingRequests: 0, stop };
      },
      clock,
      log: { ...silentLog, info: say, warn: say, error: say },
    },
  );
  return { listener, clock, serving, said, port };
}

describe("a renewal while another program has the port", () => {
  test("serves the newest certificate when the port is free again, and has nothing left to try", () => {
    const { listener, clock, serving, port } = setUp();
    port.isTaken = true;
    listener.renew(certificate("second"));
    listener.renew(certificate("third"));
    expect(serving).toEqual([]);
    expect(clock.timerCount()).toBe(1);
    clock.advance(retryMs);
    port.isTaken = false;
    clock.advance(retryMs);
    expect(serving).toEqual(["third"]);
    for (let round = 0; round < 5; round += 1) clock.advance(retryMs);
    expect(serving).toEqual(["third"]);
    expect(clock.timerCount()).toBe(0);
  });

  test("says so once, and again when it listens", () => {
    const { listener, clock, said, port } = setUp();
    port.isTaken = true;
    listener.renew(certificate("second"));
    for (let round = 0; round < 5; round += 1) clock.advance(retryMs);
    expect(said).toHaveLength(1);
    port.isTaken = false;
    clock.advance(retryMs);
    expect(said).toHaveLength(2);
  });

  test("is given up when the coordinator stops", async () => {
    const { listener, clock, serving, port } = setUp();
    port.isTaken = true;
    listener.renew(certificate("second"));
    await listener.stop(false);
    port.isTaken = false;
    clock.advance(retryMs);
    expect(serving).toEqual([]);
    expect(clock.timerCount()).toBe(0);
  });
});

test("a server that cannot be stopped after a renewal is told of in the log", async () => {
  const { listener, serving, said, port } = setUp();
  port.refusesToStop = true;
  listener.renew(certificate("second"));
  await Bun.sleep(0);
  expect(serving).toEqual(["second"]);
  expect(said).toEqual(["a server with the former certificate could not be stopped"]);
});

test("a coordinator of localhost listens where commands call it, whatever the name leads to", () => {
  expect(listenAddress("localhost")).toBe("127.0.0.1");
  expect(listenAddress("::1")).toBe("::1");
});
