/**
 * What DOCS and CHUNKS have in common: subjects that name a partition and a tenant, where an age
 * begins, and the removal of what lies before a sequence.
 */

import { FreshetError } from "../../contract/errors.ts";
import { type Partition, partitionOf, type TenantId } from "../../contract/ids.ts";
import { partitionFilter, type TenantRoot, tenantIn, tenantSubject } from "../wire/subjects.ts";
import { type NatsContext, newestMessage } from "./connection.ts";
import { logError } from "./errors.ts";
import { pullMessages } from "./pull.ts";
import type { VerifiedStream } from "./verified-stream.ts";

export interface TenantStreamOptions {
  readonly context: NatsContext;
  readonly stream: VerifiedStream;
  /** First token of its subjects. */
  readonly root: TenantRoot;
  readonly partitions: number;
}

export class TenantStream {
  readonly context: NatsContext;
  readonly verified: VerifiedStream;
  readonly #root: TenantRoot;
  readonly #partitions: number;

  constructor({ context, stream, root, partitions }: TenantStreamOptions) {
    this.context = context;
    this.verified = stream;
    this.#root = root;
    this.#partitions = partitions;
  }

  get name(): string {
    return this.verified.name;
  }

  partitionOf(tenant: TenantId): Partition {
    return partitionOf(tenant, this.#partitions);
  }

  /** Not for a wildcard: as a filter it would mean what others stored. */
  subjectOf(tenant: TenantId): string {
    return tenantSubject(this.#root, this.partitionOf(tenant), tenant);
  }

  filterOf(partition: Partition): string {
    return partitionFilter(this.#root, partition);
  }

  /** Tenant tokens, unchecked, of the subjects that hold messages and match one of the filters. */
  async tokens(filters: readonly string[]): Promise<string[]> {
    const subjects = await Promise.all(filters.map((filter) => this.verified.subjects(filter)));
    return subjects.flat().map(tenantIn);
  }

  /**
   * The server finds it by its own times: nothing older is read. That nothing is as young, the
   * leader's newest message says: purges go by this answer, and one that is too high takes what is
   * still needed.
   * @throws FreshetError log_identity, log_unavailable
   */
  async firstSince(atMs: number): Promise<number> {
    const { lastSeq } = await this.verified.state();
    const filter = `${this.#root}.>`;
    const newest = await newestMessage(this.context, this.name, filter);
    if (newest === null || newest.time.getTime() < atMs) return lastSeq + 1;
    const messages = pullMessages(this.context, {
      stream: this.name,
      filter,
      start: { sinceMs: atMs },
      until: { through: newest.seq },
      headersOnly: true,
      page: 1,
    });
    for await (const { seq } of messages) return seq;
    throw new FreshetError("log_unavailable", "the log cannot say where an age begins");
  }

  /**
   * Removes the tenant's messages below a sequence, and says how many.
   * @throws FreshetError log_identity (then nothing is removed), log_unavailable (then it may be,
   * now or later)
   */
  async purgeBelow(tenant: TenantId, below: number): Promise<number> {
    // In a stream that is not ours the same sequences mean something else: the look comes first.
    const { base } = await this.verified.verify();
    // Zero would mean everything to the server.
    if (below <= base + 1) return 0;
    try {
      const range = { filter: this.subjectOf(tenant), seq: below };
      const { purged } = await this.context.jsm.streams.purge(this.name, range);
      return purged;
    } catch (thrown) {
      throw logError(thrown);
    }
  }
}
