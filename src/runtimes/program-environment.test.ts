import { describe, expect, test } from "bun:test";
import { redactText } from "../protocol/redact-text.ts";
import { Secret } from "../protocol/secret.ts";
import { describeProgram, toProgramEnvironment } from "./program-environment.ts";

const clean = (text: string, inherited: Readonly<Record<string, string>>) =>
  redactText(text, toProgramEnvironment(inherited, { own: {}, inherits: "all" }).secrets);

describe("the environment of a program", () => {
  test.each([
    ["of a proxy", { HTTPS_PROXY: "http://u:p4ss-w0rd@px:1" }],
    ["of a proxy without a scheme", { all_proxy: "u:p4ss-w0rd@px:1" }],
    ["of a proxy, with what it stands for", { HTTP_PROXY: "http://u:p4ss%2Dw0rd@px:1" }],
    ["of a database", { DATABASE_URL: "postgres://u:p4ss-w0rd@db/x" }],
  ])("has no password %s in a text", (_, inherited) => {
    expect(clean("curl: p4ss-w0rd was refused", inherited)).toBe("curl: *** was refused");
    expect(clean("curl: u:p4ss-w0rd was refused", inherited)).not.toContain("p4ss");
  });

  test("has no password of a proxy of the settings in a text, and none of its long names", () => {
    const own = { HTTPS_PROXY: new Secret("http://corporate-user:pw12@px:1") };
    const { secrets } = toProgramEnvironment({}, { own, inherits: "safe" });
    expect(redactText("407 for corporate-user, pw12", secrets)).toBe("407 for ***, ***");
  });

  test("leaves words alone that only look like a login", () => {
    expect(clean("mail of me@example.org", { EMAIL: "me@example.org", HTTPS_PROXY: "http://px:1" })).toBe(
      "mail of me@example.org",
    );
    expect(clean("100%", { HTTPS_PROXY: "http://%zz:@px:1" })).toBe("100%");
  });
});

describe("a program for people", () => {
  test("is its name and how many arguments it has, as each may be a key", () => {
    expect(describeProgram(["/opt/agent"])).toBe("/opt/agent");
    expect(describeProgram(["agent", "--quiet"])).toBe("agent (1 argument)");
    expect(describeProgram(["agent", "--api-key", "hunter2-abcdef"])).toBe("agent (2 arguments)");
  });
});
