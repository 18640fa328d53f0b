/** The wiring of vectors for callers: an engine's tenants, and the clients of an embed server. */

import type { EmbeddedAs, Embeddings } from "../../src/contract/embeddings.ts";
import { FreshetError } from "../../src/contract/errors.ts";
import type { TenantId } from "../../src/contract/ids.ts";
import { limits } from "../../src/contract/limits.ts";
import type { Logger } from "../../src/contract/observation.ts";
import type { TenantLives } from "../../src/log/lives.ts";
import { FairShares } from "../../src/runtime/fair-shares.ts";
import { createEmbeddings } from "../embedder/embeddings.ts";
import { inShares, type SharedLane } from "../embedder/shares.ts";
import { type EmbedderParts, spawnEmbedder } from "./embedders.ts";
import type { TopologyOptions } from "./options.ts";
import { queryLane } from "./questions.ts";
import { createSystem } from "./system.ts";

interface TenantParts extends Readonly<Record<EmbeddedAs, SharedLane>> {
  readonly lives: Pick<TenantLives, "load" | "check">;
}

/**
 * On an engine. A call counts as a question, by the meters of the node that takes it: no more pass
 * than the quota for each node.
 */
export function tenantEmbeddings(
  { embedder, tokenizer, clock, quotas, redactorOf, questionNames }: TopologyOptions,
  { lives, query, document }: TenantParts,
): Embeddings {
  return createEmbeddings({
    ...{ model: embedder.model, tokenizer, clock },
    lanes: { query, document },
    async redact(tenant: TenantId, text: string, signal: AbortSignal) {
      const redacted = redactorOf(tenant).line(text);
      if (questionNames === undefined) return redacted;
      const asked = [{ text: redacted, charsBefore: text.length }];
      const [without] = await questionNames.redact(tenant, asked, signal);
      if (without === undefined) throw new FreshetError("internal", "a text came back as none");
      return without;
    },
    async admit(user) {
      await lives.load();
      lives.check(user.tenant);
      quotas.admitQuestion(user);
    },
  });
}

export interface PoolServerOptions extends EmbedderParts {
  readonly logger: Logger;
}

/** The two lanes alone, in a process that does nothing else. */
export function startEmbeddings(options: PoolServerOptions): {
  readonly embeddings: Embeddings;
  stop(): Promise<void>;
} {
  const { embedder, tokenizer, clock, settings } = options;
  const system = createSystem(options);
  const ingest = spawnEmbedder(system, options, { lane: "ingest" }).mailbox;
  const lanes = {
    query: queryLane(settings, spawnEmbedder(system, options, { lane: "query" }).mailbox),
    document: inShares(ingest, new FairShares({ total: limits.embedQueueTextsMax })),
  };
  const embeddings = createEmbeddings({ model: embedder.model, tokenizer, clock, lanes });
  return { embeddings, stop: () => system.stop() };
}
