import { expect, it } from "vitest";
import { checkOperation } from "../../src/contract/document.ts";
import type { DocumentId, TenantId } from "../../src/contract/ids.ts";
import { parseQuestion } from "../../src/contract/query.ts";
import { type MemoryEngine, startMemoryEngine } from "../support/memory-engine.ts";

const tenant = "refused" as TenantId;

async function put({ service, event }: MemoryEngine, id: string, text: string): Promise<void> {
  const json = { id, text };
  const parsed = checkOperation(json, 10_000);
  if (!parsed.ok) throw parsed.error;
  const payload = new TextEncoder().encode(JSON.stringify(json));
  const { seq } = await service.publish(tenant, { payload });
  expect(await event(seq)).toMatchObject({ id, status: "visible" });
}

/** What a question finds. */
async function found({ service }: MemoryEngine): Promise<readonly string[]> {
  const question = parseQuestion({ query: "When does the ski rental open?", mode: "search" });
  const signal = new AbortController().signal;
  const { sources } = await service.ask({ tenant, question, signal });
  return sources.map(({ id }) => id).toSorted();
}

it("a document that cold refuses: visible while hot, rejected by the merge, gone and said to be gone, neighbours stay", async () => {
  const engine = startMemoryEngine();
  engine.cold.refuse(({ documentId }) => documentId === "cursed");
  const statusOf = (id: string) => engine.service.document({ tenant }, id as DocumentId);
  try {
    await put(engine, "good", "The ski rental in Geilo opens at ten.");
    await put(engine, "cursed", "The ski rental in Hemsedal opens at nine.");
    expect(await found(engine)).toEqual(["cursed", "good"]);
    expect(await engine.merges.force(tenant)).toMatchObject({ kind: "merged", refused: 1 });
    const events = engine.log.hooks.published.map(({ event }) => event);
    expect(events).toContainEqual(
      expect.objectContaining({ id: "cursed", status: "rejected", reason: "cold_refused" }),
    );
    await expect.poll(() => found(engine), { timeout: 20_000 }).toEqual(["good"]);
    expect(await statusOf("cursed")).toMatchObject({ status: "absent" });
    expect(await statusOf("good")).toMatchObject({ status: "visible", shard: "cold" });
    await engine.restart();
    await expect.poll(() => found(engine).catch(() => []), { timeout: 20_000 }).toEqual(["good"]);
    expect(await statusOf("cursed")).toMatchObject({ status: "absent" });
    // Published anew it is visible again: nothing of the refusal sticks to the id.
    await put(engine, "cursed", "The ski rental in Hemsedal opens at nine.");
    expect(await statusOf("cursed")).toMatchObject({ status: "visible", shard: "hot" });
  } finally {
    await engine.stop();
  }
});
