/**
 * Publishes a document in each partition all the time and looks whether a question finds it within
 * the objective's second: what users see of freshness, by a clock and a way of their own.
 *
 * Owns: one document of one tenant in each partition. Never: waits for a slow one before the next
 * is due.
 */

import { setTimeout as sleep } from "node:timers/promises";
import { tenantOfEach } from "../../src/contract/canary.ts";
import type { TenantId } from "../../src/contract/ids.ts";
import type { Outcome } from "./burn-rate.ts";

export interface ProberOptions {
  readonly partitions: number;
  /** Base URLs of the engines. */
  readonly engines: () => readonly string[];
  readonly sample: (outcome: Outcome) => void;
  readonly isEnding: () => boolean;
}

/** Of the objective. */
const visibleMs = 1_000;
const everyMs = 5_000;
/** Above it a document has missed its second many times over. */
const giveUpMs = 4_000;

export async function probe({ partitions, ...options }: ProberOptions): Promise<void> {
  const tenants = tenantOfEach(partitions, "prober-");
  await Promise.all(
    [...tenants.values()].map(async (tenant, index) => {
      await sleep((everyMs * index) / partitions);
      for (let round = 1; !options.isEnding(); round += 1) {
        const begun = performance.now();
        options.sample(await look(options, { tenant, round }));
        await sleep(Math.max(0, everyMs - (performance.now() - begun)));
      }
    }),
  );
}

interface Round {
  readonly tenant: TenantId;
  readonly round: number;
}

/** Any engine will do: whoever asks tries the next when one does not answer. */
async function look({ engines }: Omit<ProberOptions, "partitions">, at: Round): Promise<Outcome> {
  const begun = performance.now();
  const text = `The prober of ${at.tenant} writes for the ${at.round}th time.`;
  const left = (): number => giveUpMs - (performance.now() - begun);
  const urls = engines().toSorted(() => (at.round % 2 === 0 ? 1 : -1));
  for (const url of urls) {
    if (left() <= 0) break;
    const published = await post(`${url}/v1/documents`, at.tenant, { id: "probe", text }, left());
    if (published === undefined) continue;
    const seq = published["seq"];
    if (typeof seq !== "number") return "bad";
    const waitMs = Math.max(1, Math.round(left()));
    const question = {
      ...{ query: text, mode: "search", top_k: 1, cache: false },
      ...{ min_seq: seq, wait_ms: waitMs, deadline_ms: waitMs },
    };
    const found = await post(`${url}/answer`, at.tenant, question, left());
    if (found === undefined) return "bad";
    const isFound = Array.isArray(found["sources"]) && found["sources"][0]?.version === seq;
    return isFound && performance.now() - begun <= visibleMs ? "good" : "bad";
  }
  return "unknown";
}

/** Undefined: no reply. */
async function post(
  url: string,
  tenant: TenantId,
  body: object,
  withinMs = giveUpMs,
): Promise<Readonly<Record<string, unknown>> | undefined> {
  try {
    const response = await fetch(url, {
      method: "POST",
      headers: { "content-type": "application/json", "x-tenant": tenant },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(Math.max(1, Math.round(withinMs))),
    });
    return (await response.json()) as Record<string, unknown>;
  } catch {
    return undefined;
  }
}
