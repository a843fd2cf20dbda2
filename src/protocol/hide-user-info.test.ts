import { expect, test } from "bun:test";
import { hideUserInfo } from "./hide-user-info.ts";

test.each([
  ["http://proxy:3128", "http://proxy:3128"],
  ["proxy:3128", "proxy:3128"],
  ["http://user:pass@proxy:3128", "http://***@proxy:3128"],
  ["http://user:p@ss/w0rd@proxy:3128/", "http://***@proxy:3128/"],
  ["user:pa//ss@proxy:3128", "***@proxy:3128"],
  ["//user:pass@proxy", "//***@proxy"],
  ["", ""],
])("an address of a proxy is shown without user and password: %s", (address, shown) => {
  expect(hideUserInfo(address)).toBe(shown);
});
