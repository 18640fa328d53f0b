/** Manifests, pieces of heads and dead letters. */

import { describe, expect, it } from "vitest";
import type { DocumentId, Epoch, Position, Version } from "../../src/contract/ids.ts";
import type { Manifest } from "../../src/contract/manifest.ts";
import { confirmedTo, emptyManifest } from "../../src/contract/manifest.ts";
import type { DeadLetter } from "../../src/log/dead-letter-port.ts";
import type { Opened } from "./harness.ts";
import { beginningOf, take } from "./records.ts";

const manifestOf = (workflowId: string): Manifest => ({ ...emptyManifest, workflowId });

const letterTo = (tenant: string, version: Version): DeadLetter => ({
  ...{ tenant, version, documentId: null, reason: "invalid_json" },
  ...{ message: "not json", atMs: 1 },
});

export function describeStores(opened: Opened): void {
  describeManifests(opened);
  describeAttempts(opened);

  describe("dead letters", () => {
    it("keeps one letter for each operation, however often it is published", async () => {
      const { log, other } = opened.harness;
      const tenant = opened.tenant();
      const letter: DeadLetter = {
        tenant,
        version: 5 as Version,
        documentId: "a" as DocumentId,
        reason: "invalid_document",
        message: "text: is empty",
        atMs: 1,
      };
      await log.deadLetters.publish(letter);
      await other.deadLetters.publish({ ...letter, atMs: 2 });
      await log.deadLetters.publish({ ...letter, version: 6 as Version, documentId: null });
      const letters = await other.deadLetters.list(tenant, 10);
      expect(letters).toEqual([letter, { ...letter, version: 6, documentId: null }]);
      expect(await log.deadLetters.list(tenant, 1)).toEqual([letter]);
      expect(await log.deadLetters.list(opened.tenant(), 10)).toEqual([]);
    });

    it("are looked up by operation, and listed from any one on", async () => {
      const { log, other } = opened.harness;
      const tenant = opened.tenant();
      const letters = [3, 5, 8, 9].map(
        (version): DeadLetter => ({
          ...{ tenant, version: version as Version, documentId: null, reason: "invalid_json" },
          ...{ message: "not json", atMs: version, position: (version * 2) as Position },
        }),
      );
      for (const letter of letters) await log.deadLetters.publish(letter);
      const page = await other.deadLetters.list(tenant, 2, 3 as Version);
      expect(page).toEqual(letters.slice(1, 3));
      expect(await other.deadLetters.list(tenant, 9, 9 as Version)).toEqual([]);
      expect(await other.deadLetters.get(tenant, 8 as Version)).toEqual(letters[2]);
      expect(await other.deadLetters.get(tenant, 4 as Version)).toBeNull();
      expect(await other.deadLetters.get(opened.tenant(), 8 as Version)).toBeNull();
    });

    it("are listed by version, whenever they were written; the last written is known", async () => {
      const { log, other } = opened.harness;
      const tenant = opened.tenant();
      expect(await log.deadLetters.last(tenant)).toBe(0);
      const versions = [5, 9, 3, 7, 1].map((version) => version as Version);
      for (const version of versions) await log.deadLetters.publish(letterTo(tenant, version));
      const list = async (max: number, after?: Version) =>
        (await other.deadLetters.list(tenant, max, after)).map(({ version }) => version);
      expect(await list(2)).toEqual([1, 3]);
      expect(await list(2, 3 as Version)).toEqual([5, 7]);
      expect(await list(9)).toEqual([1, 3, 5, 7, 9]);
      expect(await other.deadLetters.last(tenant)).toBe(1);
      expect(await log.deadLetters.trim(tenant)).toBe(0);
    });

    it("go by the time they were written, of whatever tenant", async () => {
      const { log, other, atNextMoment } = opened.harness;
      const [tenant, neighbour] = [opened.tenant(), opened.tenant()];
      await log.deadLetters.publish(letterTo(tenant, 1 as Version));
      await log.deadLetters.publish(letterTo(neighbour, 2 as Version));
      const moment = await atNextMoment();
      await log.deadLetters.publish(letterTo(tenant, 3 as Version));
      expect(await other.deadLetters.purgeBefore(moment)).toBeGreaterThanOrEqual(2);
      expect(await log.deadLetters.list(neighbour, 9)).toEqual([]);
      expect(await log.deadLetters.list(tenant, 9)).toHaveLength(1);
      expect(await log.deadLetters.purgeBefore(moment)).toBe(0);
      expect(await log.deadLetters.purgeBefore(await atNextMoment())).toBe(1);
      expect(await log.deadLetters.purgeBefore(await atNextMoment())).toBe(0);
    });

    it("that are owed are noted by compare-and-set, each tenant for itself", async () => {
      const { log, other } = opened.harness;
      const [tenant, neighbour] = [opened.tenant(), opened.tenant()];
      const none = await log.deadLetters.owed(tenant);
      expect(none).toEqual({ after: null, revision: 0 });
      const after = 7 as Position;
      expect(await log.deadLetters.owe(tenant, { ...none, after })).toBe(true);
      expect(await other.deadLetters.owe(tenant, { ...none, after: 9 as Position })).toBe(false);
      const noted = await other.deadLetters.owed(tenant);
      expect(noted).toMatchObject({ after });
      expect(await other.deadLetters.owe(tenant, { ...noted, after: null })).toBe(true);
      expect((await log.deadLetters.owed(tenant)).after).toBeNull();
      expect(await log.deadLetters.owe(tenant, { ...noted, after })).toBe(false);
      expect(await log.deadLetters.owed(neighbour)).toEqual(none);
    });

    it("takes letters for tokens that are no tenant ids", async () => {
      const { log } = opened.harness;
      for (const tenant of ["*", ">", "a.b", "ü ö", "x".repeat(5_000), ""]) {
        const letter: DeadLetter = {
          tenant,
          version: 9 as Version,
          documentId: null,
          reason: "invalid_tenant",
          message: "",
          atMs: 1,
        };
        await log.deadLetters.publish(letter);
        await log.deadLetters.publish(letter);
        expect(await log.deadLetters.list(tenant, 9)).toEqual([letter]);
        expect(await log.deadLetters.get(tenant, letter.version)).toEqual(letter);
      }
    });
  });
}

function describeAttempts(opened: Opened): void {
  it("the attempt journal keeps each tenant's newest entry, which is no manifest", async () => {
    const { log, other } = opened.harness;
    const tenant = opened.tenant();
    expect(await log.attempts.get(tenant)).toBeNull();
    const entry = { upTo: 7 as Version, lives: 1, epoch: 3 as Epoch };
    await log.attempts.put(tenant, entry);
    await other.attempts.put(tenant, { ...entry, lives: 2 });
    expect(await log.attempts.get(tenant)).toEqual({ ...entry, lives: 2 });
    expect(await log.attempts.get(opened.tenant())).toBeNull();
    expect(await log.manifests.get(tenant)).toBeNull();
    expect(await log.manifests.tenants()).not.toContain(tenant);
  });
}

function describeManifests(opened: Opened): void {
  describe("manifests", () => {
    it("keep up to where a merge is confirmed, and say nothing where none is", async () => {
      const { log, other } = opened.harness;
      const tenant = opened.tenant();
      const { to, incarnation } = await beginningOf(log);
      const before = { ...manifestOf("one"), to, incarnation };
      await log.manifests.commit(tenant, before, 0);
      const first = await log.manifests.get(tenant);
      expect(first?.manifest).toEqual(before);
      expect(confirmedTo(before)).toBe(to);
      const confirmed = { ...before, confirmed: 3 as Position };
      expect(await log.manifests.commit(tenant, confirmed, first?.revision ?? 0)).toBe("committed");
      // An answer that was lost: the same commit again is a success.
      expect(await log.manifests.commit(tenant, confirmed, first?.revision ?? 0)).toBe("committed");
      expect((await other.manifests.get(tenant))?.manifest).toEqual(confirmed);
      expect(confirmedTo(confirmed)).toBe(3);
    });

    it("change only against the revision that was read (L4)", async () => {
      const { log, other } = opened.harness;
      const tenant = opened.tenant();
      expect(await log.manifests.get(tenant)).toBeNull();
      expect(await log.manifests.commit(tenant, manifestOf("one"), 0)).toBe("committed");
      expect(await other.manifests.commit(tenant, manifestOf("two"), 0)).toBe("conflict");
      const stored = await other.manifests.get(tenant);
      expect(stored?.manifest).toEqual(manifestOf("one"));
      const revision = stored?.revision ?? 0;
      const outcomes = await Promise.all([
        log.manifests.commit(tenant, manifestOf("three"), revision),
        other.manifests.commit(tenant, manifestOf("four"), revision),
      ]);
      expect(outcomes.toSorted()).toEqual(["committed", "conflict"]);
      expect(await log.manifests.tenants()).toContain(tenant);
    });

    it("count as committed when an equal one is there already", async () => {
      const { log } = opened.harness;
      const tenant = opened.tenant();
      await log.manifests.commit(tenant, manifestOf("one"), 0);
      expect(await log.manifests.commit(tenant, manifestOf("one"), 0)).toBe("committed");
    });

    it("are watched: what is there first, then every commit", async () => {
      const { log, other } = opened.harness;
      const tenant = opened.tenant();
      await log.manifests.commit(tenant, manifestOf("before"), 0);
      const end = new AbortController();
      const seen: string[] = [];
      for await (const found of other.manifests.watch(end.signal)) {
        if (found.tenant !== tenant) continue;
        seen.push(found.manifest.workflowId);
        if (seen.length === 2) break;
        await log.manifests.commit(tenant, manifestOf("after"), found.revision);
      }
      end.abort();
      expect(seen).toEqual(["before", "after"]);
      const stopped = new AbortController();
      stopped.abort();
      expect(await take(log.manifests.watch(stopped.signal), 1, stopped)).toEqual([]);
    });

    it("name pieces that come back unchanged, until they are swept", async () => {
      const { log, other } = opened.harness;
      const tenant = opened.tenant();
      const bytes = new Uint8Array(100_000).fill(7);
      const digest = await log.manifests.putPiece(tenant, bytes);
      expect(await log.manifests.putPiece(tenant, bytes)).toBe(digest);
      const swept = await log.manifests.putPiece(tenant, new Uint8Array([1]));
      expect(new Uint8Array(await other.manifests.getPiece(tenant, digest))).toEqual(bytes);
      const through = await log.manifests.lastPiece();
      await log.manifests.sweepPieces(tenant, { keep: [digest], through });
      expect(await other.manifests.getPiece(tenant, digest)).toHaveLength(100_000);
      const missing = { code: "log_identity" };
      await expect(log.manifests.getPiece(tenant, swept)).rejects.toMatchObject(missing);
      const foreign = log.manifests.getPiece(opened.tenant(), digest);
      await expect(foreign).rejects.toMatchObject(missing);
    });

    it("survive a late sweep of an older merge when the current manifest names them", async () => {
      const { log } = opened.harness;
      const tenant = opened.tenant();
      const digest = await log.manifests.putPiece(tenant, new Uint8Array(24));
      const named = { ...manifestOf("merge/a"), pieces: [{ digest, entries: 1 }] };
      expect(await log.manifests.commit(tenant, named, 0)).toBe("committed");
      const through = await log.manifests.lastPiece();
      await log.manifests.sweepPieces(tenant, { keep: [], through });
      expect(await log.manifests.getPiece(tenant, digest)).toHaveLength(24);
    });

    it("survive a late sweep of an older merge while a newer one has put and not committed them", async () => {
      const { log } = opened.harness;
      const tenant = opened.tenant();
      const again = new Uint8Array(48);
      await log.manifests.putPiece(tenant, again);
      const through = await log.manifests.lastPiece();
      const digests = [
        await log.manifests.putPiece(tenant, new Uint8Array(24)),
        await log.manifests.putPiece(tenant, again),
      ];
      await log.manifests.sweepPieces(tenant, { keep: [], through });
      for (const digest of digests) {
        expect(await log.manifests.getPiece(tenant, digest)).toBeInstanceOf(Uint8Array);
      }
    });
  });
}
