import { expect, test } from "bun:test";
import { clientKey, isOwnAddress } from "./client-key.ts";

test.each([
  ["192.0.2.7", "192.0.2.7"],
  ["::ffff:192.0.2.7", "192.0.2.7"],
  ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"],
  ["2001:DB8:0001:2::9", "2001:db8:1:2::/64"],
  ["2001:db8::1", "2001:db8:0:0::/64"],
  ["2001:db8::192.0.2.7", "2001:db8:0:0::/64"],
  ["fe80::1%eth0", "fe80:0:0:0::/64"],
  ["unknown", "unknown"],
  ["", "unknown"],
])("%s counts as %s", (address, key) => {
  expect(clientKey(address)).toBe(key);
});

test.each(["127.0.0.1", "127.9.8.7", "::1", "::ffff:127.0.0.1", "0:0:0:0:0:0:0:1"])(
  "%s is not counted",
  (address) => {
    expect(clientKey(address)).toBeNull();
  },
);

test.each([
  ["127.0.0.1", true],
  ["::1", true],
  ["192.0.2.7", false],
  ["2001:db8::1", false],
  ["unknown", false],
  ["", false],
])("whether %s is this machine is %j", (address, isOwn) => {
  expect(isOwnAddress(address)).toBe(isOwn);
});
