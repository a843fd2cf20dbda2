import { expect, test } from "bun:test";
import { certificateNames } from "./certificate-names.ts";

const always = ["coordinator.claw-mesh.internal", "localhost", "127.0.0.1", "::1"];
const names = (hostName: string, others: readonly string[] = [], addresses: readonly string[] = []) =>
  certificateNames({ hostName, others, addresses }).slice(always.length);

test("begin with the mesh's own name and loopback", () => {
  expect(certificateNames({ hostName: "localhost", addresses: ["127.0.0.1"], others: [] })).toEqual(always);
});

test.each<readonly [string, readonly string[], readonly string[]]>([
  ["a name in lower case, each once", ["Mesh.Example.com", "mesh.example.com."], ["mesh.example.com"]],
  [
    "a name or address with a port",
    ["mesh.example.com:9180", "192.0.2.1:80", "[2001:DB8::1]:80"],
    ["mesh.example.com", "192.0.2.1", "2001:db8::1"],
  ],
  ["a wildcard", ["*.example.com"], ["*.example.com"]],
  ["nothing that stands for all addresses", ["0.0.0.0", "::", "[::]:80"], []],
  ["nothing that is no name", ["a b", "", "ü.example", "-x", "*", "a..b", "x,DNS:evil"], []],
])("%s", (_, others, expected) => {
  expect(names("", others)).toEqual([...expected]);
});

test("a machine with very many addresses gets a hundred names", () => {
  const addresses = Array.from({ length: 300 }, (_, at) => `10.0.${at >> 8}.${at & 255}`);
  expect(certificateNames({ hostName: "heron", addresses, others: [] })).toHaveLength(100);
});
