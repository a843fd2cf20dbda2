import { describe, expect, test } from "bun:test";
import { readServiceWords } from "./service-words.ts";

const read = (words: readonly string[], takesUrl = false) =>
  readServiceWords(words, { takesUrl, toPath: (path) => (path.startsWith("/") ? path : `/here/${path}`) });

describe("the arguments of a service", () => {
  test("keep their order, with paths that hold from everywhere", () => {
    expect(read(["http://vps:9180", "--tags", "gpu", "--cert=c.pem", "--name", "box"], true)).toEqual({
      args: ["--tags", "gpu", "--cert", "/here/c.pem", "--name", "box"],
      name: "box",
      dataDir: null,
      url: "http://vps:9180",
    });
    expect(read(["--data-dir", "mesh", "--tls"])).toMatchObject({ args: ["--tls"], dataDir: "/here/mesh" });
  });

  test.each([
    [["--token", "x"]],
    [["--token=x"]],
    [["--api-key", "x"]],
    [["--gateway-token=x"]],
    [["--token-file", "f"]],
    [["--name"]],
  ])("%j is refused", (words) => {
    expect(() => read(words)).toThrow(expect.objectContaining({ code: "USAGE" }));
  });
});
