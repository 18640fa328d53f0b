/** A source's reader over memory: a stream that a test fills, and DOCS that it looks into. */

import { type ReaderOptions, readSource } from "../../actors/source/reader.ts";
import { FreshetError } from "../../src/contract/errors.ts";
import type { TenantId, Version } from "../../src/contract/ids.ts";
import { silentLogger, silentMetrics } from "../../src/contract/observation.ts";
import { MemorySourceStore, MemorySourceStreams } from "../../src/ingest/memory-sources.ts";
import { eventOf } from "../../src/ingest/sources/event.ts";
import { compileExpression } from "../../src/ingest/sources/expression.ts";
import type { StreamSource } from "../../src/ingest/sources/port.ts";
import { createMemoryLog } from "../../src/log/memory/log.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import { documentTextBytesMax } from "../ingest/sources/kit.ts";

export const tenant = "acme" as TenantId;

/** Pauses of seconds are over in a moment; their lengths are not what these tests are about. */
export const hastyClock = {
  ...systemClock,
  sleep: (_ms: number, signal?: AbortSignal) => systemClock.sleep(1, signal),
};

/** `{id, v}` upserts, `{id}` deletes, `skip` is left out, all else fails. */
const expression = `body = "skip" ? {"op": "skip", "reason": "asked"}
  : $exists(body.many) ? body.many.{"id": id, "text": $string(v)}
  : $exists(body.v) ? {"id": body.id, "text": $string(body.v)}
  : {"op": "delete", "id": body.id}`;

export function testSource(more: Partial<StreamSource> = {}): StreamSource {
  return {
    ...{ name: "one", tenant, expression, options: {}, generation: "00000001", createdAtMs: 0 },
    input: { kind: "stream", stream: "in", start: "all" },
    ...more,
  };
}

export function mapperOf(source: StreamSource): ReturnType<ReaderOptions["createMapper"]> {
  const { expression: text, options } = source;
  const compiled = compileExpression({ expression: text, options, documentTextBytesMax });
  return {
    map: (events) => Promise.all(events.map((event) => compiled.map(eventOf(event)))),
    close: () => Promise.resolve(),
  };
}

/** Called before each publish; what it throws is what the publisher hears. */
export type Before = (operation: { readonly payload: string; readonly messageId: string }) => void;

export function sourceWorld(more: Partial<StreamSource> = {}) {
  const store = new MemorySourceStore();
  const streams = new MemorySourceStreams(hastyClock);
  const log = createMemoryLog({ clock: hastyClock, partitions: 4 });
  streams.add("in");
  const source = testSource(more);
  const world = {
    ...{ store, streams, log, source },
    isOwner: true,
    isFull: false,
    /** Everything is applied at once, unless a test says how far. */
    visible: undefined as number | undefined,
    before: (() => {}) as Before,
    /** The same after it is stored: the acknowledgement is lost. */
    after: (() => {}) as Before,
    emit: (body: unknown): number =>
      streams.publish("in", {
        ...{ subject: "in.a", headers: {} },
        payload: new TextEncoder().encode(JSON.stringify(body)),
      }),
    options: (): ReaderOptions => ({
      ...{ source, node: "n1", store, streams, createMapper: mapperOf, clock: hastyClock },
      ...{ metrics: silentMetrics, logger: silentLogger },
      log: { nowMs: () => log.nowMs(), docs: { ...docsOf(), publish: publishing } },
      isOwner: () => world.isOwner,
      isFull: () => world.isFull,
      visible: () => (world.visible ?? Number.MAX_SAFE_INTEGER) as Version,
    }),
    /** Reads until it is stopped. */
    start: (more?: Partial<ReaderOptions>) => {
      const stop = new AbortController();
      // A second time it is there.
      void store.add(source).catch(() => {});
      const ended = readSource({ ...world.options(), ...more }, stop.signal);
      return async (): Promise<void> => {
        stop.abort();
        await ended;
      };
    },
    /** What DOCS holds, in order. */
    operations: async (): Promise<readonly (readonly [string, string])[]> => {
      const all = { tenant, after: 0 as Version, max: 1_000_000 };
      const stored = await log.docs.readTenant(all);
      return stored.map(({ payload }) => {
        const { id, text = "deleted" } = JSON.parse(new TextDecoder().decode(payload)) as {
          readonly id: string;
          readonly text?: string;
        };
        return [id, text] as const;
      });
    },
  };
  const docsOf = () => ({
    messageIds: log.docs.messageIds.bind(log.docs),
    lastVersion: log.docs.lastVersion.bind(log.docs),
  });
  const publishing: ReaderOptions["log"]["docs"]["publish"] = async (message) => {
    const { payload, messageId = "" } = message;
    const told = { payload: new TextDecoder().decode(payload), messageId };
    world.before(told);
    const result = await log.docs.publish(message);
    world.after(told);
    return result;
  };
  return world;
}

export const passing = (): FreshetError => new FreshetError("overloaded", "the log is full");
