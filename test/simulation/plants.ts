/** Wrong parts that tests plant where real code stands. */

import { liveUpserts, newestByDocument } from "../../activities/merge/range.ts";
import { objectId } from "../../src/cold/object-id.ts";
import type { Epoch, Position } from "../../src/contract/ids.ts";
import type { Placed, RecordHeader } from "../../src/contract/record.ts";
import { ChainCheck } from "../../src/log/chain.ts";
import type { Plant } from "./plant.ts";
import { over } from "./ports.ts";

class GullibleChain extends ChainCheck {
  override accept(placed: Placed): void {
    super.accept({ ...placed, previous: this.last });
  }
}

export const plants: Readonly<Record<string, Partial<Plant>>> = {
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
  "a verification that deletes what it did not find": {
    activities: (activities, { log, cold }) => ({
      ...activities,
      verifyRange: async (merged) => {
        const { tenant, from: after, to } = merged;
        const headers: RecordHeader[] = [];
        for await (const header of log.chunks.headers({ tenant, after, to })) headers.push(header);
        const ids = liveUpserts(headers).flatMap(({ documentId, version, chunkCount }) =>
          Array.from({ length: chunkCount }, (_, chunk) =>
            objectId({ tenant, documentId, version, chunk }),
          ),
        );
        const found = await cold.versions(tenant, ids);
        const absent = ids.filter((id) => !found.has(id));
        if (absent.length > 0) await cold.deleteIds(tenant, absent);
        return activities.verifyRange(merged);
      },
    }),
  },
  "an owner that drops what is merged and not confirmed": {
    // At the owner and not in the log: the world takes nothing from cold that the log calls
    // confirmed.
    told: ({ manifest, revision }) => ({
      manifest: { ...manifest, confirmed: manifest.to },
      revision,
    }),
  },
  "a tenant that is resident one document early": {
    hot: (shard) =>
      new Proxy(shard, {
        get(object, key) {
          const own: unknown = Reflect.get(object, key, object);
          if (key === "size") return object.size + 1;
          return typeof own === "function" ? own.bind(object) : own;
        },
      }),
  },
  "an owner that relies on what it does not keep any more": { checksResident: false },
  "a reader that believes cold": { masks: false },
  // Its clock stood still, or the server's was set forward, so its lease seems to hold.
  "an owner that believes its lease": { proves: false },
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
  "an owner that does not recall message ids": {
    log: ({ docs, ...log }) => ({
      ...log,
      docs: over(docs, {
        async *messageIds() {
          // Says that there are none.
        },
      }),
    }),
  },
  "a merge that forgets which letters it owes": {
    log: ({ deadLetters, ...log }) => ({
      ...log,
      deadLetters: over(deadLetters, { owe: async () => true }),
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
