import { it } from "vitest";
import type { TenantId } from "../../src/contract/ids.ts";
import { startMemoryEngine } from "../support/memory-engine.ts";
import { tellDocumentStory } from "./stories.ts";

it("a document: published, redacted, embedded, visible, merged, superseded, deleted", async () => {
  const engine = startMemoryEngine({ keptBytesMax: 0 });
  try {
    await tellDocumentStory(engine, "story" as TenantId);
  } finally {
    await engine.stop();
  }
});
