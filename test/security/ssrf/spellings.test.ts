/**
 * The published table of spellings: how an address of this machine, of the local network or of a metadata service may be
 * written, and that none of them is called. Each spelling is tried three ways: at the guard, at the one fetch behind it, and
 * as the endpoint of a registration at a running coordinator.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { systemClock } from "../../../src/platform/clock.ts";
import { checkHost, type ResolveName } from "../../../src/platform/safe-address.ts";
import { createSafeFetch } from "../../../src/platform/safe-fetch.ts";
import { createTestCoordinator, type TestCoordinator } from "../../support/test-coordinator.ts";

/** Addresses of this machine and of networks that are nobody else's: called only with `allow_private`. */
const privateHosts: Readonly<Record<string, readonly string[]>> = {
  "IPv4 as it is": [
    "127.0.0.1",
    "127.255.255.254",
    "10.0.0.1",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
  ],
  "shared address space (CGNAT)": ["100.64.0.1", "100.127.255.254"],
  "link-local": ["169.254.1.1", "[fe80::1]", "[febf::ffff]"],
  "one decimal number": ["2130706433", "3232235777", "167772161"],
  octal: ["0177.0.0.1", "017700000001", "0177.0.0.01", "012.0.0.1"],
  hexadecimal: ["0x7f000001", "0x7f.0.0.1", "0x7F.1", "0xa.0x0.0x0.0x1", "0xC0A80101"],
  "shorter than four parts": ["127.1", "127.0.1", "10.1", "192.168.257"],
  "a dot at the end": ["127.0.0.1.", "192.168.1.1."],
  "percent signs": ["%31%32%37.0.0.1", "127%2e0%2e0%2e1"],
  "full-width and circled digits": ["１２７.０.０.１", "①②⑦.0.0.1", "127。0。0。1", "127．0．0．1"],
  "IPv6 loopback": ["[::1]", "[0:0:0:0:0:0:0:1]", "[0000:0000:0000:0000:0000:0000:0000:0001]", "[::0001]"],
  "unique local": ["[fc00::1]", "[fd12:3456:789a::1]", "[FD00::1]"],
  "IPv4-mapped": ["[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::FFFF:192.168.1.1]", "[0:0:0:0:0:ffff:a00:1]"],
  "IPv4-compatible": ["[::127.0.0.1]", "[::7f00:1]", "[::10.0.0.1]"],
  "IPv4-translated": ["[::ffff:0:127.0.0.1]", "[::ffff:0:a00:1]"],
  NAT64: ["[64:ff9b::127.0.0.1]", "[64:ff9b::a00:1]"],
  "6to4": ["[2002:7f00:1::]", "[2002:c0a8:101::1]"],
  Teredo: ["[2001:0:102:304::f5ff:fffe]", "[2001:0:7f00:1::fefe:fefe]"],
  ISATAP: ["[2a00::5efe:10.0.0.1]", "[2a00::200:5efe:127.0.0.1]"],
};

/** Never called, with `allow_private` neither. */
const forbiddenHosts: Readonly<Record<string, readonly string[]>> = {
  unspecified: ["0.0.0.0", "0", "0x0", "00000000000", "0.0", "[::]", "[0:0:0:0:0:0:0:0]", "[::ffff:0.0.0.0]"],
  "this network": ["0.1.2.3", "0.0.0.1"],
  multicast: ["224.0.0.1", "239.255.255.250", "[ff02::1]", "[ff05::2]", "[::ffff:224.0.0.1]"],
  broadcast: ["255.255.255.255", "4294967295", "0xffffffff", "[::ffff:255.255.255.255]"],
  reserved: ["240.0.0.1", "[4000::1]", "[5f00::1]", "[e000::1]"],
  documentation: ["192.0.2.1", "198.51.100.7", "203.0.113.9", "[2001:db8::1]", "[3fff::1]"],
  benchmarks: ["198.18.0.1", "198.19.255.255", "[2001:2::1]"],
  "NAT64 of a local prefix, which could mean several addresses": [
    "[64:ff9b:1::10.0.0.1]",
    "[64:ff9b:1::7f00:1]",
  ],
  "Teredo of a server and a client that are none": ["[2001:0:7f00:1::]", "[2001::1]"],
  "protocol assignments and relays": ["192.0.0.1", "192.88.99.1", "[100::1]"],
  "site-local": ["[fec0::1]", "[feff::1]"],
  "metadata of AWS, OpenStack and others": [
    ...["169.254.169.254", "2852039166", "0xa9fea9fe", "0xA9.0xFE.0xA9.0xFE", "0251.0376.0251.0376"],
    ...["169.254.43518", "169.16689662", "169.254.169.254.", "１６９.254.169.254"],
    ...["[::ffff:169.254.169.254]", "[::ffff:a9fe:a9fe]", "[::169.254.169.254]", "[64:ff9b::a9fe:a9fe]"],
    ...["[64:ff9b:1:a9fe:a9:fe00::]", "[2002:a9fe:a9fe::1]", "[2001:0:102:304::5601:5601]"],
    ...["[fe80::a9fe:a9fe]", "[fd00:ec2::254]", "[FD00:0EC2:0:0:0:0:0:254]", "[fd00:ec2::23]"],
  ],
  "metadata of containers": ["169.254.170.2", "169.254.170.23"],
  "metadata of Alibaba": ["100.100.100.200", "1684301000", "0x646464c8", "[::ffff:100.100.100.200]"],
  "metadata of Azure": ["168.63.129.16", "2822734096", "[::ffff:168.63.129.16]"],
  "metadata of Oracle": ["192.0.0.192"],
  "metadata of Google": [
    "[fd20:ce::254]",
    "metadata.google.internal",
    "METADATA.Google.Internal.",
    "metadata.goog",
  ],
  "metadata of Tencent": ["169.254.0.23", "metadata.tencentyun.com"],
  "other names of metadata": [
    "metadata",
    "instance-data",
    "instance-data.ec2.internal",
    "metadata.azure.internal",
  ],
};

/** No address to call at all. */
const brokenUrls: Readonly<Record<string, string>> = {
  "a user": "http://user@192.0.43.10/",
  "a user and a password": "http://user:password@192.0.43.10/",
  "a user that looks like the host": "http://192.0.43.10@127.0.0.1/",
  "an empty user": "http://:@127.0.0.1/",
  "a backslash behind a host that is private": "http://127.0.0.1\\@192.0.43.10/",
  "a zone": "http://[fe80::1%25eth0]/",
  "a zone that is bare": "http://[fe80::1%eth0]/",
  "no host": "http:///",
  "another scheme": "ftp://192.0.43.10/",
  "a file": "file:///etc/passwd",
  "a script": "javascript:fetch('http://127.0.0.1')",
  data: "data:text/plain,x",
  "too many parts": "http://1.2.3.4.5/",
  "a number that is too large": "http://4294967296/",
  "an octal digit that is none": "http://0189.0.0.1/",
};

const unresolved: ResolveName = () => Promise.reject(new Error("ENOTFOUND"));
const strict = createSafeFetch({ clock: systemClock, allowPrivate: false, resolve: unresolved });
const open = createSafeFetch({ clock: systemClock, allowPrivate: true, resolve: unresolved });
const toRequest = (url: string) => ({ url, method: "GET", timeoutMs: 2_000, maxBytes: 1_000 }) as const;
const rowsOf = (table: Readonly<Record<string, readonly string[]>>) =>
  Object.entries(table).flatMap(([what, hosts]) => hosts.map((host) => [what, host] as const));

describe("a private address", () => {
  test.each(rowsOf(privateHosts))("%s: %s is not called unless that is allowed", async (_, host) => {
    expect(await strict(toRequest(`http://${host}:9/`))).toMatchObject({ kind: "refused", why: "private" });
    const { hostname } = new URL(`http://${host}/`);
    expect(await checkHost(hostname, { resolve: unresolved, allowPrivate: true })).toMatchObject({
      kind: "allowed",
    });
  });
});

describe("a forbidden address", () => {
  test.each(rowsOf(forbiddenHosts))("%s: %s is not called, whatever is allowed", async (_, host) => {
    expect(await strict(toRequest(`http://${host}:9/`))).toMatchObject({ kind: "refused", why: "never" });
    expect(await open(toRequest(`http://${host}:9/`))).toMatchObject({ kind: "refused", why: "never" });
  });
});

describe("an address that is none", () => {
  test.each(Object.entries(brokenUrls))("with %s is not called", async (_, url) => {
    expect(await strict(toRequest(url))).toMatchObject({ kind: "refused" });
  });
});

/** What a name resolves to, and that one bad address is enough. */
describe("a name", () => {
  const names: Readonly<Record<string, readonly string[]>> = {
    "that has no address": [],
    "of this machine": ["127.0.0.1"],
    "of this machine in IPv6": ["::1"],
    "of a metadata service": ["169.254.169.254"],
    "of a metadata service, mapped": ["::ffff:169.254.169.254"],
    "with a public and a private address": ["192.0.43.10", "10.0.0.1"],
    "with a private and a public address": ["10.0.0.1", "192.0.43.10"],
    "with an address in IPv6 that is private": ["192.0.43.10", "fd00::1"],
    "whose resolver answers with no address at all": ["localhost"],
    "whose resolver answers with a zone": ["fe80::1%lo"],
  };
  test.each(Object.entries(names))("%s is not called", async (_, addresses) => {
    const guarded = createSafeFetch({
      clock: systemClock,
      allowPrivate: false,
      resolve: () => Promise.resolve(addresses),
    });
    expect(await guarded(toRequest("http://node.test:9/"))).toMatchObject({ kind: "refused" });
  });

  test.each([
    "localhost",
    "LOCALHOST",
    "localhost.",
    "LocalHost.",
    "ⓛocalhost",
    "xn--localhost-.test",
    "no.such.invalid",
  ])("%s is looked up as it means, and judged by what comes back", async (name) => {
    const guarded = createSafeFetch({ clock: systemClock, allowPrivate: false });
    const answer = await guarded(toRequest(`http://${name}:9/`));
    expect(answer).toMatchObject({ kind: "refused" });
  });
});

describe("the endpoint of a node that registers", () => {
  let coordinator: TestCoordinator;
  beforeAll(async () => {
    coordinator = await createTestCoordinator({ allowPrivate: false });
  });
  afterAll(() => coordinator[Symbol.asyncDispose]());

  const capabilities = { os: "linux", arch: "amd64", gpu: false, memory_gb: 1, tags: [], skills: [] };
  let guests = 0;
  test.each([...rowsOf(privateHosts), ...rowsOf(forbiddenHosts)])("%s: %s is refused", async (_, host) => {
    const endpoint = `${host}:9121`;
    // One name may not register as often as this.
    guests += 1;
    const answer = await coordinator.call("POST", "/api/v1/nodes/register", {
      body: { name: `guest-${guests}`, endpoint, capabilities },
    });
    expect({ status: answer.status, code: answer.body.code }).toEqual({
      status: 400,
      code: "ENDPOINT_REFUSED",
    });
  });
});
