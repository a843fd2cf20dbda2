/** Certificates of every kind, servers that show them, and a coordinator over TLS with nodes that join it. */
import "reflect-metadata";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createServer as createTlsServer, type TLSSocket } from "node:tls";
import {
  BasicConstraintsExtension,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
} from "@peculiar/x509";
import { type CoordinatorOptions, startCoordinator } from "../../../src/coordinator/index.ts";
import { type StartNodeAgentOptions, startNodeAgent } from "../../../src/node/index.ts";
import { silentLog } from "../../../src/platform/log.ts";
import {
  type MadeCertificate,
  makeAuthority,
  makeCertificate,
  makeKey,
} from "../../../src/platform/tls/certificate-maker.ts";
import { type Trust, tlsOptions } from "../../../src/platform/tls/trust.ts";
import { Secret } from "../../../src/protocol/secret.ts";
import { createTempDir } from "../../support/temp-dir.ts";
import { testCoordinatorOptions } from "../../support/test-coordinator.ts";

export const dayMs = 24 * 3600 * 1000;
const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;

/** An authority as ours are; `name`: another name for it. */
export async function createAuthority(name?: string): Promise<MadeCertificate> {
  if (name !== undefined) return createSelfSigned([], { name, isAuthority: true });
  const key = await makeKey();
  return { key, certificate: await makeAuthority(key, Date.now()) };
}

/** `agoDays`: when it was made; it lives for 90 days. */
export function createLeaf(
  authority: MadeCertificate,
  names: readonly string[],
  agoDays = 0,
): Promise<MadeCertificate> {
  return makeCertificate(authority, names, Date.now() - agoDays * dayMs);
}

interface SelfSigned {
  readonly name?: string;
  readonly isAuthority?: boolean;
}

export async function createSelfSigned(
  names: readonly string[],
  { name = "CN=somebody", isAuthority = false }: SelfSigned = {},
): Promise<MadeCertificate> {
  const keys = await crypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const certificate = await X509CertificateGenerator.createSelfSigned({
    serialNumber: "0102",
    name,
    notBefore: new Date(Date.now() - dayMs),
    notAfter: new Date(Date.now() + 90 * dayMs),
    signingAlgorithm: algorithm,
    keys,
    extensions: [
      new BasicConstraintsExtension(isAuthority, undefined, true),
      ...(names.length === 0
        ? []
        : [
            new SubjectAlternativeNameExtension(
              names.map((value) => ({ type: /^[\d.]+$/.test(value) ? "ip" : "dns", value })),
            ),
          ]),
    ],
  });
  const der = Buffer.from(await crypto.subtle.exportKey("pkcs8", keys.privateKey)).toString("base64");
  return {
    certificate: `${certificate.toString("pem")}\n`,
    key: `-----BEGIN PRIVATE KEY-----\n${der}\n-----END PRIVATE KEY-----\n`,
  };
}

/** A server that is not the coordinator, and keeps every byte that it is sent inside TLS. */
export interface HostileServer extends AsyncDisposable {
  readonly url: string;
  /** Bytes of applications, of all connections together. */
  readonly heard: () => number;
  readonly connections: () => number;
}

/** `chain`: what it sends along, whether it is his or not. */
export async function startHostileServer(
  own: MadeCertificate,
  chain: readonly string[] = [],
  port = 0,
): Promise<HostileServer> {
  let heard = 0;
  let connections = 0;
  const sockets = new Set<TLSSocket>();
  const server = createTlsServer({ cert: own.certificate + chain.join(""), key: own.key }, (socket) => {
    sockets.add(socket);
    socket.on("data", (bytes) => {
      heard += bytes.length;
      // Whoever speaks to it is answered, so that more would follow.
      socket.end("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}");
    });
    socket.on("error", () => socket.destroy());
  });
  server.on("connection", () => {
    connections += 1;
  });
  server.on("tlsClientError", () => {});
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  const address = server.address();
  const where = typeof address === "object" && address !== null ? address.port : 0;
  return {
    url: `https://127.0.0.1:${where}`,
    heard: () => heard,
    connections: () => connections,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** A coordinator over TLS in this process, with its files, and nodes that join it as a user's would. */
export async function createTlsMesh(overrides: Partial<CoordinatorOptions> = {}) {
  await using undo = new AsyncDisposableStack();
  const directory = undo.use(await createTempDir());
  const dataDir = join(directory.path, "coordinator");
  const start = (more: Partial<CoordinatorOptions> = {}) =>
    startCoordinator({
      ...testCoordinatorOptions(dataDir),
      tls: { kind: "own", names: [] },
      ...overrides,
      ...more,
    });
  let running = await start();
  undo.defer(() => running.stop(0));
  const nodes = undo.use(new AsyncDisposableStack());
  const parts = undo.move();
  const urlOf = () => `https://127.0.0.1:${running.port}`;
  const token = running.token;

  const trust = () => {
    if (running.trust === null) throw new Error("no trust is known");
    return running.trust;
  };
  return {
    directory: directory.path,
    dataDir,
    token,
    url: urlOf,
    port: () => running.port,
    trust,
    /** Of the tests' own invites: the whole code, with its pin. */
    invite: async () => (await running.createInvite()).code,
    /** With the admin token. */
    call: (path: string, init: RequestInit = {}, by: Trust = trust()) =>
      fetch(urlOf() + path, {
        ...init,
        headers: {
          authorization: `Bearer ${token.reveal()}`,
          "content-type": "application/json",
          ...init.headers,
        },
        tls: tlsOptions(by),
      } as RequestInit),
    join: async (options: NodeOptions) => {
      const agent = await startEchoNode({ url: urlOf(), dataDir: join(directory.path, "node"), ...options });
      nodes.defer(() => agent.stop());
      return agent;
    },
    stop: () => running.stop(0),
    restart: async (more: Partial<CoordinatorOptions> = {}) => {
      const { port } = running;
      await running.stop(0);
      running = await start({ port, ...more });
    },
    [Symbol.asyncDispose]: () => parts.disposeAsync(),
  };
}

export type TlsMesh = Awaited<ReturnType<typeof createTlsMesh>>;

export interface NodeOptions extends Partial<StartNodeAgentOptions> {
  readonly url?: string;
  /** Whole, with its pin. */
  readonly code?: string;
}

/** A node as `claw-mesh join` starts it. */
export function startEchoNode({ url, code, ...options }: NodeOptions) {
  return startNodeAgent({
    coordinatorUrl: url ?? "",
    token: null,
    invite: code === undefined ? null : new Secret(code),
    name: "heron",
    tags: [],
    slots: null,
    dataDir: "",
    runtimes: [{ kind: "echo", slots: null }],
    maxRunMs: null,
    version: "test",
    log: silentLog,
    env: { PATH: "/usr/bin:/bin" },
    ...options,
  });
}

/** Files as a user gives them to --cert and --key. */
export async function writeCertificate(
  folder: string,
  { certificate, key }: MadeCertificate,
  chain: readonly string[] = [],
) {
  const files = { certFile: join(folder, "own-cert.pem"), keyFile: join(folder, "own-key.pem") };
  await writeFile(files.certFile, certificate + chain.join(""));
  await writeFile(files.keyFile, key, { mode: 0o600 });
  return { kind: "files" as const, ...files };
}
