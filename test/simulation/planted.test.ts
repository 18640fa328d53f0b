/**
 * The simulation must be able to fail: each of these faults is planted where real code stands, and a history that
 * shows it is found within the budget of the real run.
 */

import fc from "fast-check";
import { expect, it } from "vitest";
import { newestByDocument } from "../../activities/merge-plan.ts";
import type { Epoch, Position } from "../../src/contract/ids.ts";
import type { Placed, RecordHeader } from "../../src/contract/record.ts";
import { ChainCheck } from "../../src/log/chain.ts";
import { histories } from "./history.ts";
import { noPlant, type Plant } from "./plant.ts";
import { over } from "./ports.ts";
import { World } from "./world.ts";

const runs = 2_000;

class GullibleChain extends ChainCheck {
  override accept(placed: Placed): void {
    super.accept({ ...placed, previous: this.last });
  }
}

const plants: Readonly<Record<string, Partial<Plant>>> = {
  "a commit before anything is verified": {
    activities: (activities) => ({
      ...activities,
      verifyRange: async () => ({ checked: 0, missing: 0, rewriteAfter: null }),
      writeRange: async (request) => {
        // What verification is for: a write that says it succeeded and did not.
        const { written } = await activities.writeRange(request).catch(() => ({ written: 0 }));
        return { written, through: request.to };
      },
    }),
  },
  "a log that takes a stale append": {
    log: ({ chunks, ...log }) => ({
      ...log,
      chunks: over(chunks, {
        append: async (record) => {
          const last = await chunks.last(record.tenant);
          const epoch = Math.max(record.epoch, last?.epoch ?? 0) as Epoch;
          return chunks.append({ ...record, epoch }, last?.position ?? (0 as Position));
        },
      }),
    }),
  },
  "a reader that believes cold": { masks: false },
  "a range read that takes a broken chain": {
    createChain: (range) => new GullibleChain(range),
  },
  "a watermark that moves without its heads": {
    log: ({ manifests, ...log }) => ({
      ...log,
      manifests: over(manifests, {
        commit: async (tenant, manifest, revision) => {
          const pieces = (await manifests.get(tenant))?.manifest.pieces ?? [];
          return manifests.commit(tenant, { ...manifest, pieces }, revision);
        },
      }),
    }),
  },
  "a clean-up that deletes what is newer": {
    activities: (activities, { log, cold }) => ({
      ...activities,
      cleanSuperseded: async ({ tenant, from, to }) => {
        const headers: RecordHeader[] = [];
        const range = { tenant, after: from, to };
        for await (const header of log.chunks.headers(range)) headers.push(header);
        for (const [documentId, { kind, version }] of newestByDocument(headers)) {
          const keep = kind === "upsert" ? version : null;
          await cold.deleteIds(tenant, await cold.staleIds(tenant, { documentId, keep }));
        }
        return { documents: 0, deleted: 0 };
      },
    }),
  },
  "a tenant that joins its reader where its own reads happened to end": {
    log: ({ docs, ...log }) => ({
      ...log,
      docs: over(docs, { nextVersion: ({ tenant }) => docs.lastVersion(tenant) }),
    }),
  },
  "a commit that does not compare": {
    log: ({ manifests, ...log }) => ({
      ...log,
      manifests: over(manifests, {
        commit: async (tenant, manifest) =>
          manifests.commit(tenant, manifest, (await manifests.get(tenant))?.revision ?? 0),
      }),
    }),
  },
};

it.each(Object.entries(plants))(
  "%s is found",
  async (_name, plant) => {
    const property = fc.asyncProperty(histories, (history) =>
      new World({ ...noPlant, ...plant }).run(history),
    );
    // Found or not is all that is asked here: nothing is shrunk.
    const found = await fc.check(property, { numRuns: runs, endOnFailure: true });
    expect(found.failed).toBe(true);
  },
  120_000,
);
