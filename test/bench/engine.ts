/**
 * Real servers, an engine and a merge worker as processes of their own, on data of this run: what the
 * pipeline and freshness benches publish to. Nothing of it outlives the bench.
 */

import { join } from "node:path";
import { request } from "undici";
import { type FreshetProcesses, startFreshet } from "../../ops/main-job/processes.ts";
import { freePort } from "../../ops/servers/ports.ts";
import { type Servers, startServers } from "../../ops/servers/start-servers.ts";
import { ensureTools } from "../../ops/setup/ensure-tools.ts";
import { lineProgress } from "../../ops/setup/progress.ts";
import { resolveAddresses } from "../../src/cli/addresses.ts";
import { connectLog, type PublisherConnection } from "../../src/cli/connect.ts";
import { connectEngine, type Engine } from "../../src/cli/http-client.ts";
import { type TenantId, tenantId } from "../../src/contract/ids.ts";
import type { BenchContext } from "./context.ts";
import { ingestThreads } from "./models.ts";

const tenant = tenantId("bench");
/** No merge comes between: what a merge costs is another question. */
const neverMerge = { FRESHET_MERGE_SIZE_CHUNKS: "10000000", FRESHET_MERGE_AGE_MS: "600000000" };
const patienceMs = 120_000;

export interface EventLoopDelay {
  readonly p99Ms: number;
  readonly maxMs: number;
}

export interface BenchEngine {
  readonly graphFile: string;
  readonly modelDir: string;
  readonly engine: Engine;
  readonly httpUrl: string;
  /** Of all engines. */
  readonly httpUrls: readonly string[];
  readonly natsUrl: string;
  readonly temporal: { readonly address: string; readonly namespace: string };
  /** The engine as another tenant asks it. */
  engineOf(tenant: TenantId): Engine;
  /** As `publish`, for another tenant; resolves when the document is visible there. */
  publishAs(
    tenant: TenantId,
    document: { readonly id: string; readonly text: string },
  ): Promise<void>;
  /** Resolves with the time (`performance.now`) at which its event was heard. @throws when it was rejected */
  publish(document: { readonly id: string; readonly text: string }): Promise<number>;
  /** The engine's event-loop delay since it was asked last. */
  eventLoopDelay(): Promise<EventLoopDelay>;
  stop(): Promise<void>;
}

export async function startBenchEngine(
  context: BenchContext,
  { nodes = 1 }: { readonly nodes?: number } = {},
): Promise<BenchEngine> {
  const { scratch, say } = context;
  const env = withoutFixedPorts(context.env);
  const progress = lineProgress(
    (line) => process.stderr.write(line),
    () => performance.now(),
  );
  const all = { nats: true, temporal: true, weaviate: true, embedding: true, llm: false };
  const tools = await ensureTools({ env, progress, want: all });
  if (tools.embedding === undefined) throw new Error("the embedding model is missing");
  const model = { ...tools.embedding, graph: env["FRESHET_MODEL_GRAPH"] ?? tools.embedding.graph };
  const dataDir = join(scratch, "data");
  const onDeath = ({ message }: { readonly message: string }): void => say(message);
  let servers: Servers | undefined;
  let freshet: FreshetProcesses | undefined;
  const stopAll = async (): Promise<void> => {
    await freshet?.stop();
    await servers?.stop();
  };
  try {
    servers = await startServers({ dataDir, env, progress, want: { llm: false }, tools, onDeath });
    const engineEnv = {
      ...env,
      ...neverMerge,
      FRESHET_EMBED_THREADS: String(ingestThreads),
      // Not the default one: an engine that starts beside this bench may want it at the same moment.
      FRESHET_HTTP_PORT: String(await freePort()),
    };
    freshet = await startFreshet({ servers, model, dataDir, env: engineEnv, nodes, onDeath });
    const addresses = resolveAddresses({}, freshet.env);
    const connection = await connectLog(addresses);
    const feed = await createFeed(connection.log, tenant);
    const { httpUrl } = freshet;
    return {
      graphFile: model.graph,
      modelDir: model.modelDir,
      engine: connectEngine(addresses, tenant),
      httpUrl,
      httpUrls: freshet.nodes.map((node) => node.httpUrl),
      natsUrl: addresses.nats,
      temporal: addresses.temporal,
      engineOf: (other) => connectEngine(addresses, other),
      publishAs: async (other, { id, text }) => {
        const payload = new TextEncoder().encode(JSON.stringify({ id, text }));
        const { seq } = await connection.log.docs.publish({ tenant: other, payload });
        const visible = { query: text.slice(0, 50), mode: "search", min_seq: seq, wait_ms: 30_000 };
        await connectEngine(addresses, other).ask(visible, AbortSignal.timeout(patienceMs));
      },
      publish: feed.publish,
      eventLoopDelay: () => eventLoopDelay(httpUrl),
      async stop() {
        feed.close();
        await connection.close();
        await stopAll();
      },
    };
  } catch (thrown) {
    await stopAll();
    throw thrown;
  }
}

/** Publishes, and hears what became of it. */
export async function createFeed(
  log: Pick<PublisherConnection["log"], "docs" | "events">,
  tenant: TenantId,
) {
  const waiting = new Map<string, (status: string) => void>();
  const unsubscribe = await log.events.subscribe(tenant, ({ id, status }) => {
    if (id === null) return;
    waiting.get(id)?.(status);
    waiting.delete(id);
  });
  return {
    close: unsubscribe,
    // By id and not by sequence: the event may come before the PubAck.
    async publish(document: { readonly id: string; readonly text: string }): Promise<number> {
      const heard = new Promise<number>((resolve, reject) => {
        const timer = setTimeout(
          () => reject(new Error(`${document.id} was not heard of`)),
          patienceMs,
        );
        waiting.set(document.id, (status) => {
          clearTimeout(timer);
          if (status === "visible") resolve(performance.now());
          else reject(new Error(`${document.id} became ${status}`));
        });
      });
      const payload = new TextEncoder().encode(JSON.stringify(document));
      const [at] = await Promise.all([heard, log.docs.publish({ tenant, payload })]);
      return at;
    },
  };
}

async function eventLoopDelay(httpUrl: string): Promise<EventLoopDelay> {
  const { body } = await request(`${httpUrl}/metrics`);
  const text = await body.text();
  const quantileMs = (quantile: string): number => {
    const line = `freshet_event_loop_delay_seconds{quantile="${quantile}"} `;
    const at = text.indexOf(line);
    if (at < 0) throw new Error("the engine tells no event-loop delay");
    return Number.parseFloat(text.slice(at + line.length)) * 1000;
  };
  return { p99Ms: quantileMs("0.99"), maxMs: quantileMs("1") };
}

/** Ports that a person fixed belong to the main job, which may be running. */
function withoutFixedPorts(env: BenchContext["env"]): Record<string, string | undefined> {
  return Object.fromEntries(
    Object.entries(env).filter(([name]) => !/^FRESHET_[A-Z_]*PORT$/.test(name)),
  );
}
