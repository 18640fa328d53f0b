import { describe, expect, it } from "vitest";
import { runHere } from "../support/run-cli.ts";

const env = { FRESHET_NATS_URL: "nats://127.0.0.1:1" };
const freshet = (args: readonly string[], stdin = "") =>
  runHere(["source", ...args], { env, stdin });

describe("freshet source", () => {
  const row = { op: "u", after: { id: 1, note: "Hello" }, source: { table: "notes" } };
  const event = JSON.stringify(row);

  it("maps an event from standard input, and publishes nothing", async () => {
    const { code, out } = await freshet(["test", "--preset", "debezium"], event);
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ id: "notes/1", text: "id: 1\nnote: Hello" });
  });

  it("prints JSON for programs, and takes options, headers and a key", async () => {
    const more = ["--set", "text=note", "--set", "prefix=n", "--key", `{"no": 5}`, "--json"];
    const { out } = await freshet(["test", "--preset", "debezium", ...more], event);
    expect(JSON.parse(out)).toMatchObject({
      kind: "operations",
      operations: [{ id: "n/5", text: "Hello" }],
    });
    const skipped = await freshet([
      "test",
      "--preset",
      "github",
      "--header",
      "X-GitHub-Event: star",
    ]);
    expect(skipped.out).toBe("skipped: star\n");
  });

  it("ends with an error for an event that would become a dead letter", async () => {
    const { code, out } = await freshet(["test", "--expr", `{"text": body}`], `"x"`);
    expect([code, out.startsWith("failed: ")]).toEqual([1, true]);
  });

  it("names line and column of what is no JSONata", async () => {
    const { code, err } = await freshet(["test", "--expr", `{"id": body.id "text": 1}`], "{}");
    expect(code).toBe(1);
    expect(err).toMatch(/line 1, column \d+/);
  });

  it.each([
    [["add", "Bad Name", "--preset", "kafka", "--stream", "S"], "lower-case"],
    [["add", "a", "--preset", "kafka"], "--stream"],
    [["add", "a", "--stream", "S"], "--preset"],
    [["add", "a", "--stream", "S", "--webhook", "--preset", "kafka"], "not both"],
    [["add", "a", "--webhook", "--preset", "github", "--signature", "github"], "secret"],
    [["add", "a", "--stream", "S", "--preset", "kafka", "--start", "sometime"], "--start"],
    [["add", "a", "--stream", "S", "--preset", "kafka", "--set", "tekst=a"], "tekst"],
    [
      [
        "add",
        "a",
        "--webhook",
        "--preset",
        "github",
        "--signature",
        "github",
        "--secret-env",
        "HOME",
      ],
      "FRESHET_SOURCE_SECRET_",
    ],
  ])("refuses %j as a wrong usage", async (args, says) => {
    const { code, err } = await freshet(args);
    expect([code, err]).toEqual([2, expect.stringContaining(says)]);
  });

  it("explains every preset in its help", async () => {
    const { code, out } = await freshet(["add", "--help"]);
    expect(code).toBe(0);
    for (const name of ["debezium", "cloudevents", "github", "kafka", "--set prefix="]) {
      expect(out).toContain(name);
    }
  });
});
