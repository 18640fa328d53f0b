/**
 * Sources: has the change streams read whose tenants this node owns.
 *
 * Owns: one reader for each source of its tenants, with its thread.
 * Never: reads for a tenant of another node, or lets one source's trouble stop another.
 * Receives: nothing; it runs by the clock and by the watch on definitions. Sends: nothing; readers
 * publish to DOCS as every publisher does.
 *
 *   OS1  a source is read where its tenant is: the ownership of partitions is what makes one of
 *        many nodes read it, and what a second reader would do is void (reader.ts, ER1);
 *   OS2  a source that is removed, changed or handed over ends before another one begins in its
 *        place;
 *   OS3  a node without a store (it is away, or has no room) reads on what it knows, and looks
 *        again.
 */

import { toFreshetError } from "../../src/contract/errors.ts";
import type { TenantId } from "../../src/contract/ids.ts";
import { limits } from "../../src/contract/limits.ts";
import type { SourceDefinition } from "../../src/contract/source.ts";
import { isStreamSource, type StreamSource } from "../../src/ingest/sources/port.ts";
import type { ActorContext, Behaviour } from "../../src/runtime/actor.ts";
import { backoffMs } from "../../src/runtime/backoff.ts";
import { Repeated } from "../../src/runtime/repeated.ts";
import { type ReaderOptions, readSource } from "./reader.ts";

export interface SourcesOptions
  extends Omit<ReaderOptions, "source" | "isOwner" | "isFull" | "visible"> {
  readonly isOwner: (tenant: TenantId) => boolean;
  readonly isFull: (tenant: TenantId) => boolean;
  readonly visible: (tenant: TenantId) => ReturnType<ReaderOptions["visible"]>;
}

const backoff = {
  backoffMinMs: limits.sourceRetryMinMs,
  backoffMaxMs: limits.sourceRetryMaxMs,
} as const;

interface Reader {
  readonly generation: string;
  readonly stop: AbortController;
  readonly ended: Promise<void>;
}

export function sourcesActor(
  options: SourcesOptions,
): (context: ActorContext<never>) => Behaviour<never> {
  return (context) => {
    const sources = new Sources(options, context);
    return {
      start: () => {
        context.task(() => sources.watch());
        context.task(() => sources.listAgain());
        context.task(() => sources.look());
        context.task(() => sources.measure());
      },
      receive: () => {},
      stop: () => sources.stop(),
    };
  };
}

class Sources {
  readonly #options: SourcesOptions;
  readonly #context: ActorContext<never>;
  readonly #readers = new Map<string, Reader>();
  #definitions: readonly SourceDefinition[] = [];

  constructor(options: SourcesOptions, context: ActorContext<never>) {
    this.#options = options;
    this.#context = context;
  }

  async watch(): Promise<void> {
    const { store, logger, clock } = this.#options;
    const { signal } = this.#context;
    const repeated = new Repeated(clock);
    for (let failures = 0; !signal.aborted; failures += 1) {
      try {
        for await (const definitions of store.watch(signal)) {
          this.#definitions = definitions;
          failures = 0;
        }
      } catch (thrown) {
        const { code } = toFreshetError(thrown);
        if (repeated.isNews(code)) logger.warn({ code }, "the sources cannot be seen");
      }
      await clock.sleep(backoffMs(backoff, failures), signal);
    }
  }

  /** A watch hears nothing new beside a copy of the bucket that stays behind its leader. */
  async listAgain(): Promise<void> {
    const { clock, store } = this.#options;
    const { signal } = this.#context;
    for (;;) {
      await clock.sleep(limits.sourceListEveryMs, signal);
      if (signal.aborted) return;
      const before = this.#definitions;
      const listed = await store.list().catch(() => null);
      // What the watch heard meanwhile is newer.
      if (listed !== null && this.#definitions === before) this.#definitions = listed;
    }
  }

  async look(): Promise<void> {
    const { clock } = this.#options;
    const { signal } = this.#context;
    for (; !signal.aborted; await clock.sleep(limits.sourceLookEveryMs, signal)) {
      const own = this.#own();
      for (const [name, reader] of this.#readers) {
        if (own.get(name)?.generation !== reader.generation) reader.stop.abort();
      }
      for (const source of own.values()) if (!this.#readers.has(source.name)) this.#start(source);
    }
  }

  /** How far readers are behind. A broker that does not say so now is asked again later. */
  async measure(): Promise<void> {
    const { clock, streams, metrics } = this.#options;
    const { signal } = this.#context;
    for (; !signal.aborted; await clock.sleep(limits.sourceMeasureEveryMs, signal)) {
      for (const source of this.#own().values()) {
        const progress = await streams.progress(source).catch(() => null);
        if (progress !== null) {
          metrics.set("source_lag_events", progress.lag, { source: source.name });
        }
      }
    }
  }

  async stop(): Promise<void> {
    for (const { stop } of this.#readers.values()) stop.abort();
    await Promise.all([...this.#readers.values()].map(({ ended }) => ended));
  }

  #own(): ReadonlyMap<string, StreamSource> {
    const own = this.#definitions
      .filter(isStreamSource)
      .filter(({ tenant }) => this.#options.isOwner(tenant));
    return new Map(own.map((source) => [source.name, source]));
  }

  #start(source: StreamSource): void {
    const { isOwner, isFull, visible, ...rest } = this.#options;
    const { name, tenant, generation } = source;
    const stop = new AbortController();
    const reader: ReaderOptions = {
      ...rest,
      source,
      isOwner: () => isOwner(tenant),
      isFull: () => isFull(tenant),
      visible: () => visible(tenant),
    };
    const ended = readSource(reader, stop.signal)
      .catch((thrown: unknown) => {
        this.#options.logger.error({ source: name, err: thrown }, "a source's reader failed");
      })
      .finally(() => this.#readers.delete(name));
    this.#readers.set(name, { generation, stop, ended });
  }
}
