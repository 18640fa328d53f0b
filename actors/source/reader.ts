/**
 * Reads one source for as long as this node owns its tenant: events in, operations to DOCS.
 *
 * Owns: one reading of the stream at a time, the mapper's thread, and the source's counts.
 * Never: acknowledges an event before all that it became is in DOCS or in the dead letters.
 *
 *   ER1  an event counts once, however often it is read: what an earlier reader left is compared
 *        with the message ids that DOCS has had since everything was settled;
 *   ER2  operations of one document reach DOCS in the order of their events;
 *   ER3  an event that cannot be mapped becomes a dead letter, and the source goes on;
 *   ER4  a source never has more than `sourceBehindMax` operations in DOCS that its tenant has not
 *        applied: DOCS is everybody's, and a long history must not fill it (I9, I11);
 *   ER5  of a source that was removed nothing is left: a durable name that nobody reads would hold
 *        the messages of somebody's work queue for ever. Whoever removes a source forgets its name
 *        after that, and a reader that is at it looks after it opened and when it ends.
 */

import { type FreshetError, toFreshetError } from "../../src/contract/errors.ts";
import type { Version } from "../../src/contract/ids.ts";
import { limits } from "../../src/contract/limits.ts";
import type { Logger, Metrics } from "../../src/contract/observation.ts";
import type { Mapped, SourceState } from "../../src/contract/source.ts";
import type {
  Mapper,
  SourceDelivery,
  SourceReached,
  SourceReading,
  SourceStore,
  SourceStreams,
  StreamSource,
} from "../../src/ingest/sources/port.ts";
import type { DocsLog, Log } from "../../src/log/port.ts";
import { backoffMs } from "../../src/runtime/backoff.ts";
import type { Clock } from "../../src/runtime/clock.ts";
import { notOwner, type Outgoing, publishInOrder } from "./publisher.ts";
import { SourceTally } from "./tally.ts";

export interface ReaderOptions {
  readonly source: StreamSource;
  readonly node: string;
  readonly store: SourceStore;
  readonly streams: SourceStreams;
  readonly createMapper: (source: StreamSource) => Mapper;
  readonly log: Pick<Log, "nowMs"> & {
    readonly docs: Pick<DocsLog, "publish" | "messageIds" | "lastVersion">;
  };
  readonly isOwner: () => boolean;
  /** True while the tenant's hot memory takes no more. */
  readonly isFull: () => boolean;
  /** Up to which version the tenant has applied its operations. */
  readonly visible: () => Version;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly logger: Logger;
}

/** A clock of another server may be behind the one that set the mark. */
const marginMs = 60_000;

const backoff = {
  backoffMinMs: limits.sourceRetryMinMs,
  backoffMaxMs: limits.sourceRetryMaxMs,
} as const;

/** Message ids of a source's operations begin so. */
const prefixOf = ({ name, generation }: StreamSource): string => `source/${name}/${generation}/`;

/** Reads until the signal aborts. Never rejects: what fails is tried again, and told in `list`. */
export async function readSource(options: ReaderOptions, signal: AbortSignal): Promise<void> {
  const { source, clock, logger, createMapper, isOwner } = options;
  const mapper = createMapper(source);
  for (let failures = 0; !signal.aborted; failures += 1) {
    if (!isOwner()) {
      // Who has it reads it: a second reader would only take events from that one.
      await clock.sleep(limits.sourceLookEveryMs, signal);
      continue;
    }
    const life = new ReaderLife(options, mapper);
    try {
      await life.run(signal);
    } catch (thrown) {
      const error = toFreshetError(thrown);
      if (signal.aborted) break;
      logger.warn({ source: source.name, code: error.code }, "a source begins again");
      // The state is the new owner's.
      if (isOwner()) await life.trouble(error);
    }
    if (life.hasAdvanced) failures = 0;
    await clock.sleep(backoffMs(backoff, failures), signal);
  }
  await mapper.close();
}

class ReaderLife {
  readonly #options: ReaderOptions;
  readonly #mapper: Mapper;
  readonly #tally: SourceTally;
  /** Sequences in DOCS of what the tenant has not applied yet (ER4). */
  #unseen: number[] = [];
  hasAdvanced = false;

  constructor(options: ReaderOptions, mapper: Mapper) {
    this.#options = options;
    this.#mapper = mapper;
    this.#tally = new SourceTally(options);
  }

  async run(signal: AbortSignal): Promise<void> {
    const { source, streams, store, log } = this.#options;
    if (await this.#isRemoved()) return streams.forget(source);
    const state = await store.state(source);
    this.#tally.begin(state);
    const reading = await streams.open(source, signal, reachedBy(state));
    try {
      // ER5: who removed it before this opened it has nothing more to forget.
      if (await this.#isRemoved()) return;
      const known = reading.isUnsure ? await this.#published(state, signal) : new Set<string>();
      if (!reading.isUnsure) {
        // Before its first event, too: of one that reads what is new nothing else says since when.
        const reached = await streams.progress(source);
        if (reached !== null) this.#tally.acknowledged(reached.sequence);
        await this.#tally.settle(await log.nowMs());
      }
      while (!signal.aborted) {
        await this.#untilApplied(signal);
        await this.#batch(reading, known, signal);
      }
    } finally {
      await reading.close().catch(() => {});
      await this.#end();
    }
  }

  /** ER5. */
  async #end(): Promise<void> {
    const { source, streams, store } = this.#options;
    this.#tally.stop();
    if (!(await this.#isRemoved().catch(() => false))) return this.#tally.end();
    await streams.forget(source).catch(() => {});
    // It may have been written after the removal.
    await store.removeState(source).catch(() => {});
  }

  async #isRemoved(): Promise<boolean> {
    const { source, store } = this.#options;
    return (await store.get(source.name))?.generation !== source.generation;
  }

  async trouble(error: FreshetError): Promise<void> {
    if (await this.#isRemoved().catch(() => true)) return;
    await this.#tally.store(`${error.message} (${error.code})`).catch(() => {});
  }

  /** ER1: ids that DOCS has of events that nobody has acknowledged. */
  async #published(state: SourceState | null, signal: AbortSignal): Promise<Set<string>> {
    const { source, streams, log } = this.#options;
    const { tenant, createdAtMs } = source;
    const known = new Set<string>();
    const to = await log.docs.lastVersion(tenant);
    if (to === 0) return known;
    const sinceMs = state?.settledAtMs ?? createdAtMs;
    const windowMs = Math.max(0, (await log.nowMs()) - sinceMs) + marginMs;
    const settled = (await streams.progress(source))?.sequence ?? 0;
    const prefix = prefixOf(source);
    for await (const { messageId } of log.docs.messageIds({ tenant, to, windowMs, signal })) {
      if (!messageId.startsWith(prefix)) continue;
      if (Number.parseInt(messageId.slice(prefix.length), 10) > settled) known.add(messageId);
    }
    return known;
  }

  async #batch(reading: SourceReading, known: Set<string>, signal: AbortSignal): Promise<void> {
    const { isOwner, log } = this.#options;
    const deliveries = await reading.next(signal);
    if (deliveries.length === 0 || signal.aborted) return;
    // ER2: what was taken and is not dealt with comes again to the next reading, and what follows
    // must not go before it, also when the tenant is back in a moment.
    if (!isOwner()) throw notOwner();
    const mapped = await this.#mapper.map(
      deliveries.map(({ subject, headers, payload, sequence, atMs }) => ({
        ...{ subject, headers, payload, sequence, atMs },
      })),
    );
    const outgoing = this.#outgoing(deliveries, mapped, known);
    const refused = await this.#publish(outgoing, signal);
    for (const [index, outcome] of mapped.entries()) {
      const delivery = deliveries[index];
      if (delivery === undefined) continue;
      const error = refused.get(index);
      const told = error === undefined ? outcome : failedBy(error);
      if (told.kind === "failed") await this.#letter(delivery, told.message, signal);
      this.#tally.count(told);
    }
    if (signal.aborted) return;
    for (const delivery of deliveries) delivery.ack();
    await reading.flush();
    const last = deliveries.at(-1);
    if (last !== undefined) this.#tally.acknowledged(last.sequence);
    this.hasAdvanced = true;
    await this.#tally.settleNowAndThen(() => log.nowMs());
  }

  #outgoing(
    deliveries: readonly SourceDelivery[],
    mapped: readonly Mapped[],
    known: ReadonlySet<string>,
  ): readonly Outgoing[] {
    const prefix = prefixOf(this.#options.source);
    return mapped.flatMap((outcome, event) => {
      if (outcome.kind !== "operations") return [];
      const { sequence } = deliveries[event] as SourceDelivery;
      return outcome.operations
        .map((operation, index) => ({
          ...operation,
          ...{ event, messageId: `${prefix}${sequence}/${index}` },
        }))
        .filter(({ messageId }) => !known.has(messageId));
    });
  }

  async #publish(
    outgoing: readonly Outgoing[],
    signal: AbortSignal,
  ): Promise<ReadonlyMap<number, FreshetError>> {
    const { source, log, isFull, isOwner, clock } = this.#options;
    const { tenant } = source;
    const publisher = {
      publish: (message: { readonly payload: Uint8Array; readonly messageId: string }) =>
        log.docs.publish({ tenant, ...message }),
      onWaiting: (error: FreshetError) => this.#tally.wait(`${error.message} (${error.code})`),
      // I11, as for every other publisher of this node.
      ...{ isOwner, isFull, clock },
    };
    const { seqs, refused } = await publishInOrder(publisher, outgoing, signal);
    this.#unseen.push(...seqs);
    this.#tally.published(seqs.length);
    return refused;
  }

  /** ER4. */
  async #untilApplied(signal: AbortSignal): Promise<void> {
    const { visible, clock } = this.#options;
    for (;;) {
      const applied = visible();
      this.#unseen = this.#unseen.filter((seq) => seq > applied);
      if (this.#unseen.length <= limits.sourceBehindMax || signal.aborted) return;
      await clock.sleep(limits.sourceBehindPollMs, signal);
    }
  }

  /** ER3. A store that is away is waited for: the event is not dealt with before. */
  async #letter(
    { subject, sequence, atMs }: SourceDelivery,
    message: string,
    signal: AbortSignal,
  ): Promise<void> {
    const { source, store, clock } = this.#options;
    const { name, generation, tenant } = source;
    const letter = { source: name, generation, tenant, subject, sequence, message, atMs };
    for (let attempt = 0; !signal.aborted; attempt += 1) {
      try {
        return await store.putLetter(letter);
      } catch (thrown) {
        const { code, message: why } = toFreshetError(thrown);
        this.#tally.wait(`${why} (${code})`);
        await clock.sleep(backoffMs(backoff, attempt), signal);
      }
    }
  }
}

function reachedBy(state: SourceState | null): SourceReached | undefined {
  if (state?.sequence === undefined) return undefined;
  return { sequence: state.sequence, atMs: state.settledAtMs };
}

const failedBy = ({ message }: FreshetError): Mapped => ({ kind: "failed", message });
