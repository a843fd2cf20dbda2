import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { type AddressClass, classifyAddress } from "./address-class.ts";

const addresses: Readonly<Record<AddressClass, readonly string[]>> = {
  public: [
    "1.1.1.1",
    "8.8.8.8",
    "9.255.255.255",
    "11.0.0.0",
    "100.63.255.255",
    "100.128.0.0",
    "126.255.255.255",
    "128.0.0.0",
    "169.253.255.255",
    "169.255.0.0",
    "172.15.255.255",
    "172.32.0.0",
    "192.167.255.255",
    "192.169.0.0",
    "223.255.255.255",
    "2606:4700:4700::1111",
    "2a00:1450::1",
    "::ffff:1.1.1.1",
    "64:ff9b::1.1.1.1",
    "2002:0101:0101::1",
  ],
  private: [
    "10.0.0.0",
    "10.255.255.255",
    "100.64.0.1",
    "100.127.255.255",
    "127.0.0.1",
    "127.255.255.254",
    "169.254.1.1",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.0.1",
    "192.168.255.255",
    "::1",
    "0:0:0:0:0:0:0:1",
    "fc00::1",
    "fd12:3456:789a::1",
    "FDFF::1",
    "fe80::1",
    "febf::1",
    "::ffff:10.0.0.1",
    "::ffff:7f00:1",
    "0:0:0:0:0:ffff:c0a8:0101",
    "::127.0.0.1",
    "::ffff:0:127.0.0.1",
    "64:ff9b::192.168.1.1",
    "64:ff9b::a00:1",
    "2002:c0a8:0101::1",
    "2002:7f00:1::",
    "2001:0:102:304::f5ff:fffe",
    "2a00::5efe:10.0.0.1",
    "2a00::200:5efe:10.0.0.1",
  ],
  never: [
    "0.0.0.0",
    "0.1.2.3",
    "169.254.169.254",
    "169.254.170.2",
    "100.100.100.200",
    "168.63.129.16",
    "192.0.0.1",
    "192.0.2.1",
    "192.88.99.1",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "fd00:ec2::254",
    "ff02::1",
    "fec0::1",
    "2001:db8::1",
    "3fff::1",
    "100::1",
    "4000::1",
    "::ffff:0.0.0.0",
    "::ffff:169.254.169.254",
    "::ffff:a9fe:a9fe",
    "::169.254.169.254",
    "64:ff9b::169.254.169.254",
    "64:ff9b:1::169.254.169.254",
    "64:ff9b:1:a9fe:a9:fe00::",
    "2002:a9fe:a9fe::1",
    "2001:0:a9fe:a9fe::1",
    "2001:0:102:304::5601:5601",
    "fe80::1%eth0",
    "",
    "localhost",
    "127.1",
    "0x7f000001",
    "1.2.3",
    "1.2.3.4.5",
  ],
};

describe("an address", () => {
  for (const [found, spellings] of Object.entries(addresses)) {
    test.each(spellings.map((address) => [address]))(`%p is ${found}`, (address) => {
      expect(classifyAddress(address)).toBe(found as AddressClass);
    });
  }

  test("is judged alike in every wrapping that carries it", () => {
    const octet = fc.nat(255);
    fc.assert(
      fc.property(fc.tuple(octet, octet, octet, octet), (octets) => {
        const dotted = octets.join(".");
        const [a = 0, b = 0, c = 0, d = 0] = octets;
        const high = ((a << 8) | b).toString(16);
        const low = ((c << 8) | d).toString(16);
        const found = classifyAddress(dotted);
        const wrapped = [
          `::ffff:${dotted}`,
          `::ffff:${high}:${low}`,
          `64:ff9b::${dotted}`,
          `2002:${high}:${low}::1`,
          `::ffff:0:${dotted}`,
        ];
        for (const address of wrapped)
          expect(`${address} ${classifyAddress(address)}`).toBe(`${address} ${found}`);
      }),
      { numRuns: 2000 },
    );
  });

  test("of IPv6 is public only inside 2000::/3 or when it carries a public IPv4 address", () => {
    fc.assert(
      fc.property(fc.ipV6(), (address) => {
        if (classifyAddress(address) !== "public") return;
        const first = Number.parseInt(address.split(":")[0] || "0", 16);
        const carries = first === 0 || first === 0x64;
        expect(carries || (first >= 0x2000 && first <= 0x3fff)).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });
});
