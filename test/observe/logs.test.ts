import { describe, expect, it } from "vitest";
import { createLogger, type LogOptions } from "../../src/observe/logs.ts";

function logger(options: Partial<LogOptions> = {}) {
  const lines: string[] = [];
  const made = createLogger({
    level: "info",
    format: "json",
    node: "n1",
    stream: { write: (line: string) => lines.push(line) },
    ...options,
  });
  return { made, lines };
}

describe("log lines", () => {
  it("are JSON with level, node, message and fields", () => {
    const { made, lines } = logger();
    made.warn({ tenant: "acme", partition: 3 }, "lease lost");
    expect(lines).toHaveLength(1);
    expect(JSON.parse(lines[0] ?? "")).toMatchObject({
      level: "warn",
      node: "n1",
      tenant: "acme",
      partition: 3,
      msg: "lease lost",
    });
  });

  it("below the level are not written", () => {
    const { made, lines } = logger({ level: "warn" });
    made.info({}, "quiet");
    made.error({}, "loud");
    expect(lines).toHaveLength(1);
  });

  it("never carry content or credentials, at the top or one level down (I10)", () => {
    const { made, lines } = logger();
    const secret = "the patient's name";
    made.info({ text: secret, request: { query: secret, authorization: secret } }, "asked");
    expect(lines.join("")).not.toContain(secret);
  });

  it("describe an error without the message of its cause", () => {
    const { made, lines } = logger();
    made.error({ error: new Error("outer", { cause: new Error("quoted input") }) }, "failed");
    expect(lines[0]).toContain("outer");
    expect(lines[0]).not.toContain("quoted input");
  });

  it("are one readable line on a terminal", () => {
    const lines: string[] = [];
    const stream = { write: (line: string) => lines.push(line), isTTY: true };
    const { made } = logger({ format: "auto", stream });
    made.info({ url: "http://127.0.0.1:1", reason: "two words" }, "listening");
    expect(lines[0]).toMatch(
      /^\d\d:\d\d:\d\d\.\d{3} info {2}listening url=http:\/\/127\.0\.0\.1:1 reason="two words"\n$/,
    );
  });
});
