/** Change streams: the store of their definitions, the streams that they are, and their mappers. */

import type { Service } from "../contract/service.ts";
import type { SourceDefinition } from "../contract/source.ts";
import { NatsSourceStore } from "../ingest/nats-source-store.ts";
import { NatsSourceStreams } from "../ingest/nats-source-streams.ts";
import { createMapper } from "../ingest/sources/mapper-thread.ts";
import type { Mapper, SourceStore, SourceStreams } from "../ingest/sources/port.ts";
import { createWebhooks, type RunningWebhooks } from "../ingest/sources/webhooks.ts";
import type { Foundation, NatsLog } from "./foundation.ts";

export interface Sources {
  readonly store: SourceStore;
  readonly streams: SourceStreams;
  readonly createMapper: (source: SourceDefinition) => Mapper;
}

/** Nothing is opened before it is used: a server without room for the bucket starts as well. */
export function openSources({ config, clock }: Foundation, log: NatsLog): Sources {
  const { connection, documentTextBytesMax } = log;
  const nats = { connection, replicas: config.nats.replicas };
  return {
    store: new NatsSourceStore(nats),
    streams: new NatsSourceStreams(nats),
    createMapper: ({ expression, options, input }) =>
      createMapper({
        ...{ expression, options, documentTextBytesMax, clock },
        keyHeader: input.kind === "stream" ? input.keyHeader : undefined,
      }),
  };
}

export function openWebhooks(
  { clock, metrics }: Foundation,
  { store, createMapper: mapperOf }: Sources,
  service: Service,
): RunningWebhooks {
  return createWebhooks({
    store,
    service,
    createMapper: mapperOf,
    env: process.env,
    clock,
    metrics,
  });
}
