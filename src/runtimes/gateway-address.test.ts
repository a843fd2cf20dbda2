import { describe, expect, test } from "bun:test";
import { MeshError } from "../protocol/errors.ts";
import { parseGatewayAddress } from "./gateway-address.ts";

describe("reading a gateway address", () => {
  const forms: readonly (readonly [string, string, string])[] = [
    ["127.0.0.1:18789", "http://127.0.0.1:18789", "ws://127.0.0.1:18789"],
    ["localhost:8080", "http://localhost:8080", "ws://localhost:8080"],
    ["http://127.0.0.1:11434/", "http://127.0.0.1:11434", "ws://127.0.0.1:11434"],
    ["http://127.0.0.1:11434/v1", "http://127.0.0.1:11434", "ws://127.0.0.1:11434"],
    ["https://api.example.com/v1/", "https://api.example.com", "wss://api.example.com"],
    ["https://example.com/llm/v1", "https://example.com/llm", "wss://example.com/llm"],
    ["ws://10.0.0.2:18789", "http://10.0.0.2:18789", "ws://10.0.0.2:18789"],
    ["wss://box.example.com", "https://box.example.com", "wss://box.example.com"],
    [" [::1]:18789 ", "http://[::1]:18789", "ws://[::1]:18789"],
    ["http://127.0.0.1:1?key=secret#x", "http://127.0.0.1:1", "ws://127.0.0.1:1"],
  ];
  for (const [text, httpUrl, wsUrl] of forms) {
    test(`takes ${text}`, () => expect(parseGatewayAddress(text)).toEqual({ httpUrl, wsUrl }));
  }

  for (const text of ["", "http://", "ftp://example.com", "host:99999", "user:secret@host:80"]) {
    test(`refuses ${text === "" ? "nothing" : text} without repeating a secret`, () => {
      let thrown: unknown;
      try {
        parseGatewayAddress(text);
      } catch (error) {
        thrown = error;
      }
      expect(thrown).toBeInstanceOf(MeshError);
      expect((thrown as MeshError).code).toBe("USAGE");
      expect((thrown as MeshError).message).not.toContain("secret");
    });
  }
});
