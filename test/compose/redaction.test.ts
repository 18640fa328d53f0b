import { describe, expect, it } from "vitest";
import { openRedaction } from "../../src/compose/redaction.ts";
import { createMemoryLog } from "../../src/log/memory/log.ts";
import { systemClock } from "../../src/runtime/clock.ts";

const newLog = () => createMemoryLog({ clock: systemClock, partitions: 1 });
const none = { redactionKey: undefined };
const configured = { redactionKey: "a secret of thirty-two characters" };
const refused = { code: "log_identity" };

describe("the secret of redaction", () => {
  it("is made once and kept by the log, the same for all engines and another for each log", async () => {
    const log = newLog();
    const [first, second] = await Promise.all([openRedaction(none, log), openRedaction(none, log)]);
    expect(first.of("acme")).toEqual(second.of("acme"));
    expect(first.of("acme")).not.toEqual(first.of("other"));
    expect((await openRedaction(none, newLog())).of("acme")).not.toEqual(first.of("acme"));
  });

  it("is the configured one where there is one, and the log does not keep it", async () => {
    const log = newLog();
    const keys = await openRedaction(configured, log);
    expect((await openRedaction(configured, newLog())).of("acme")).toEqual(keys.of("acme"));
    const stored = await log.claimRedaction({ kind: "kept", secret: new Uint8Array(32) });
    expect(stored).toEqual({ kind: "configured", check: expect.stringMatching(/^[0-9a-f]{16}$/) });
  });

  it("refuses an engine that would redact under another", async () => {
    const kept = newLog();
    await openRedaction(none, kept);
    await expect(openRedaction(configured, kept)).rejects.toMatchObject(refused);
    const other = newLog();
    await openRedaction(configured, other);
    await expect(openRedaction(none, other)).rejects.toMatchObject(refused);
    const wrong = { redactionKey: configured.redactionKey.toUpperCase() };
    await expect(openRedaction(wrong, other)).rejects.toMatchObject(refused);
  });
});
