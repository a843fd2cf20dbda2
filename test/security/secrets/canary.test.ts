import { beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { allowed, secretNames, surfaceNames } from "../../support/canary/cast.ts";
import { type Story, tellStory } from "../../support/canary/story.ts";

setDefaultTimeout(180_000);

let story: Story;
beforeAll(async () => {
  story = await tellStory();
});

describe("what was captured", () => {
  test.each([...surfaceNames])("is something: %s", (surface) => {
    expect(story.evidence.bytes(surface)).toBeGreaterThan(0);
  });

  test.each([...secretNames])("was planted: %s", (name) => {
    expect(story.secrets.get(name)?.length).toBeGreaterThan(8);
  });

  test("the gateway got its token", () => {
    expect(story.heardByGateway).toContain(story.secrets.get("a gateway token") ?? "?");
  });

  // A search that finds nothing anywhere would prove nothing.
  test.each(secretNames.filter((name) => allowed[name].length > 0))("would be found: %s", (name) => {
    const secret = story.secrets.get(name) ?? "";
    const found = allowed[name].filter((surface) => story.evidence.find(surface, secret).length > 0);
    expect(found.length).toBeGreaterThan(0);
  });
});

describe.each([...secretNames])("%s", (name) => {
  test.each(surfaceNames.filter((surface) => !allowed[name].includes(surface)))("is not in %s", (surface) => {
    const secret = story.secrets.get(name) ?? "?";
    expect(story.evidence.find(surface, secret)).toEqual([]);
  });
});
