/**
 * Askers and publishers of an upgrade: over HTTP behind a balancer, and over NATS, with the
 * TypeScript client as a user has it. Each answer is compared with what its asker knew before it
 * asked.
 *
 * Owns its own documents: one of each subject, published again and again. Never retries by itself:
 * what the client does not retry is a failure.
 */

import { setTimeout as sleep } from "node:timers/promises";
import { headers, type NatsConnection } from "nats";
import { type Freshet, type FreshetError, overHttp, overNats } from "../../src/client/index.ts";
import type { TenantId } from "../../src/contract/ids.ts";

export interface LoadOptions {
  /** Of each engine; a balancer asks each whether it is ready. */
  readonly urls: readonly string[];
  readonly connection: NatsConnection;
  readonly tenants: readonly TenantId[];
  readonly questionsPerS: number;
  readonly publishesPerS: number;
}

/** By phase of the upgrade, and what happened. */
export type Counts = Readonly<Record<string, Readonly<Record<string, number>>>>;

export interface LoadResult {
  readonly questions: number;
  readonly publishes: number;
  /** Answers without what their asker had published before, or with it twice. */
  readonly wrong: readonly string[];
  /** What was thrown to the user in spite of the client's retries. */
  readonly failed: readonly string[];
  /** Attempts over HTTP that were refused with a code and a time to come again, by phase and code. */
  readonly refusals: Counts;
  /** Attempts over HTTP that broke: no reply, or one that is no error of ours. */
  readonly broken: Counts;
  readonly ms: { readonly p50: number; readonly p99: number; readonly max: number };
  /** The newest acknowledged version of each document. */
  readonly newest: ReadonlyMap<TenantId, ReadonlyMap<string, number>>;
}

/** As a balancer of two machines has it: often enough to see a node that leaves within its notice. */
const lookEveryMs = 500;
const words = ["harbour", "windmill", "library", "smithy", "orchard", "lighthouse"] as const;

/** A user's balancer: it sends to nodes that were ready when it looked, in turns, and repeats nothing. */
function balancer(urls: readonly string[], signal: AbortSignal) {
  let ready = [...urls];
  let turn = 0;
  const look = async (): Promise<void> => {
    while (!signal.aborted) {
      const found = await Promise.all(
        urls.map((url) =>
          fetch(`${url}/readyz`).then(
            async (response) => ((await response.arrayBuffer()) && response.ok ? [url] : []),
            () => [],
          ),
        ),
      );
      ready = found.flat();
      await sleep(lookEveryMs, undefined, { signal }).catch(() => {});
    }
  };
  return {
    looking: look(),
    fetch: (input: string | URL | Request, init?: RequestInit): Promise<Response> => {
      turn += 1;
      const url = ready[turn % Math.max(1, ready.length)] ?? urls[0];
      return fetch(`${url}${new URL(String(input)).pathname}`, init);
    },
  };
}

export class UpgradeLoad {
  readonly #options: LoadOptions;
  readonly #end = new AbortController();
  readonly #running = new Set<Promise<void>>();
  readonly #newest = new Map<TenantId, Map<string, number>>();
  readonly #wrong: string[] = [];
  readonly #failed: string[] = [];
  readonly #refusals: Record<string, Record<string, number>> = {};
  readonly #broken: Record<string, Record<string, number>> = {};
  readonly #times: number[] = [];
  readonly #clients = new Map<TenantId, readonly [Freshet, Freshet]>();
  readonly #looking: Promise<void>;
  readonly #pacing: Promise<unknown>;
  #publishes = 0;
  #phase = "before";

  constructor(options: LoadOptions) {
    this.#options = options;
    const { urls, connection, tenants, questionsPerS, publishesPerS } = options;
    const balanced = balancer(urls, this.#end.signal);
    this.#looking = balanced.looking;
    // Ten attempts: the longest refusal is that of a partition that moves.
    const retries = { attemptsMax: 10 };
    const nowMs = () => performance.now();
    const counted = { retries, surroundings: { sleep: this.#pause, random: Math.random, nowMs } };
    for (const tenant of tenants) {
      this.#newest.set(tenant, new Map());
      const fetched = this.#seen(balanced.fetch);
      this.#clients.set(tenant, [
        overHttp({ url: "http://balancer", fetch: fetched, tenant, ...counted }),
        overNats({ connection, headers, tenant, ...counted }),
      ]);
    }
    this.#pacing = Promise.all([
      this.#pace(questionsPerS, (count) => this.#ask(count)),
      this.#pace(publishesPerS, (count) => this.#publish(count)),
    ]);
  }

  /** One document of each subject, so that every question has an answer from the beginning. */
  static async begin(options: LoadOptions): Promise<UpgradeLoad> {
    const load = new UpgradeLoad({ ...options, questionsPerS: 0, publishesPerS: 0 });
    for (let count = 0; count < words.length * options.tenants.length; count += 1)
      await load.#publish(count);
    await load.end();
    const begun = new UpgradeLoad(options);
    for (const [tenant, newest] of load.#newest) begun.#newest.set(tenant, newest);
    return begun;
  }

  /** What happens from now on is counted under this name. */
  phase(name: string): void {
    this.#phase = name;
  }

  async end(): Promise<LoadResult> {
    this.#end.abort();
    await this.#pacing;
    await Promise.all([...this.#running, this.#looking]);
    const sorted = this.#times.toSorted((left, right) => left - right);
    const at = (share: number) => Math.round(sorted[Math.floor(sorted.length * share)] ?? 0);
    return {
      questions: sorted.length,
      publishes: this.#publishes,
      ...{ wrong: this.#wrong, failed: this.#failed },
      ...{ refusals: this.#refusals, broken: this.#broken },
      ms: { p50: at(0.5), p99: at(0.99), max: Math.round(sorted.at(-1) ?? 0) },
      newest: this.#newest,
    };
  }

  /** At its own pace, however long each takes: a slow engine is not asked less. */
  async #pace(perS: number, work: (count: number) => Promise<void>): Promise<void> {
    const { signal } = this.#end;
    const begunMs = performance.now();
    for (let count = 0; perS > 0 && !signal.aborted; count += 1) {
      const waitMs = begunMs + (count * 1_000) / perS - performance.now();
      if (waitMs > 0) await sleep(waitMs, undefined, { signal }).catch(() => {});
      if (signal.aborted) return;
      const run = work(count).finally(() => this.#running.delete(run));
      this.#running.add(run);
    }
  }

  #drawn(count: number) {
    const { tenants } = this.#options;
    const tenant = tenants[count % tenants.length] as TenantId;
    const word = words[Math.floor(count / tenants.length) % words.length] as string;
    const transport = Math.floor(count / tenants.length / words.length) % 2;
    const client = this.#clients.get(tenant)?.[transport] as Freshet;
    return { tenant, word, client, over: transport === 0 ? "http" : "nats" };
  }

  async #ask(count: number): Promise<void> {
    const { tenant, word, client, over } = this.#drawn(count);
    const known = this.#newest.get(tenant)?.get(word) ?? 0;
    const begunMs = performance.now();
    try {
      const query = `What is told of the ${word}?`;
      const { sources } = await client.search({ query, min_seq: known, top_k: 10 });
      const found = sources.filter(({ id }) => id === word);
      const said = `${over} ${tenant} ${word}: knew ${known}, found ${found.map((one) => one.version)}`;
      if (found.length !== 1 || (found[0]?.version ?? 0) < known) this.#wrong.push(said);
    } catch (thrown) {
      this.#fail(over, thrown);
    }
    this.#times.push(performance.now() - begunMs);
  }

  async #publish(count: number): Promise<void> {
    const { tenant, word, client, over } = this.#drawn(count);
    const text = `The ${word} of the village, as it was told for the time number ${count}.`;
    try {
      const { seq } = await client.publish({ id: word, text });
      this.#publishes += 1;
      const newest = this.#newest.get(tenant);
      newest?.set(word, Math.max(seq, newest.get(word) ?? 0));
    } catch (thrown) {
      this.#fail(over, thrown);
    }
  }

  #fail(over: string, thrown: unknown): void {
    const { code, message } = thrown as FreshetError;
    this.#failed.push(`${over} ${code}: ${message}`);
  }

  /** Looks at each reply before the client does. */
  #seen(balanced: typeof fetch): typeof fetch {
    const count = this.#count.bind(this);
    return async (input, init) => {
      const response = await balanced(input, init).catch((thrown: Error & { cause?: Error }) => {
        count(this.#broken, String((thrown.cause as { code?: string })?.code ?? thrown.message));
        throw thrown;
      });
      if (response.ok) return response;
      const body = (await response
        .clone()
        .json()
        .catch(() => ({}))) as { code?: string };
      if (body.code === "no_results") return response;
      // One that waited for as long as it may is told a code, and no time to come again.
      const { status } = response;
      const saysWhen = response.headers.has("retry-after") || (status !== 429 && status !== 503);
      const isTyped = body.code !== undefined && saysWhen;
      if (isTyped) count(this.#refusals, `${body.code}`);
      else count(this.#broken, `status ${status} ${body.code ?? "without a code"}`);
      return response;
    };
  }

  /** Over either transport: what the client makes again. */
  readonly #pause = async (ms: number): Promise<void> => {
    this.#count(this.#refusals, "attempts made again");
    await sleep(ms);
  };

  #count(counts: Record<string, Record<string, number>>, what: string): void {
    counts[this.#phase] ??= {};
    const phase = counts[this.#phase] as Record<string, number>;
    phase[what] = (phase[what] ?? 0) + 1;
  }
}
