import { createSocket, type RemoteInfo } from "node:dgram";
import { Resolver } from "node:dns/promises";
import type { ResolveName } from "../../src/platform/safe-address.ts";

/** A DNS server on loopback whose owner changes his mind with every question. */
export interface DnsServer extends AsyncDisposable {
  /** Asks this server, over UDP. */
  readonly resolve: ResolveName;
  /** Questions so far. */
  readonly asked: () => number;
}

const typeA = 1;
const classIn = 1;

/** @param answers the address for each question in its turn; the last one stays */
export async function startDnsServer(answers: readonly string[]): Promise<DnsServer> {
  const socket = createSocket("udp4");
  let asked = 0;
  socket.on("message", (query: Buffer, from: RemoteInfo) => {
    const address = answers[Math.min(asked, answers.length - 1)] ?? "0.0.0.0";
    asked += 1;
    socket.send(toAnswer(query, address), from.port, from.address);
  });
  const bound = Promise.withResolvers<void>();
  socket.once("error", bound.reject);
  socket.bind(0, "127.0.0.1", bound.resolve);
  await bound.promise;
  const resolver = new Resolver();
  resolver.setServers([`127.0.0.1:${socket.address().port}`]);
  return {
    resolve: (name) => resolver.resolve4(name),
    asked: () => asked,
    [Symbol.asyncDispose]: () => new Promise((resolve) => socket.close(() => resolve())),
  };
}

/** The question again, and one record without a lifetime. */
function toAnswer(query: Buffer, address: string): Buffer {
  let end = 12;
  while ((query[end] ?? 0) !== 0) end += (query[end] ?? 0) + 1;
  const question = query.subarray(12, end + 5);
  const header = Buffer.alloc(12);
  query.copy(header, 0, 0, 2);
  header.writeUInt16BE(0x8180, 2);
  header.writeUInt16BE(1, 4);
  header.writeUInt16BE(1, 6);
  const record = Buffer.alloc(16);
  record.writeUInt16BE(0xc00c, 0);
  record.writeUInt16BE(typeA, 2);
  record.writeUInt16BE(classIn, 4);
  record.writeUInt32BE(0, 6);
  record.writeUInt16BE(4, 10);
  Buffer.from(address.split(".").map(Number)).copy(record, 12);
  return Buffer.concat([header, question, record]);
}
