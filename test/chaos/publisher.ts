/**
 * A publisher: sends operations one after the other, over HTTP through any engine or straight to JetStream, and sends
 * an operation whose outcome it does not know again under the same key, as a careful client does.
 *
 * Owns: its random stream and its pace. Never: has two operations under way, or tries longer than the log remembers keys.
 */

import { FreshetError } from "../../src/contract/errors.ts";
import type { TenantId } from "../../src/contract/ids.ts";
import type { Log } from "../../src/log/port.ts";
import type { History, PublishOutcome } from "./history.ts";
import { type ChaosOperation, makeOperation } from "./operations.ts";
import type { Random } from "./random.ts";

export interface PublisherOptions {
  readonly name: string;
  readonly random: Random;
  readonly tenants: readonly TenantId[];
  readonly history: History;
  readonly docs: Pick<Log["docs"], "publish">;
  /** Base URLs of the engines. */
  readonly engines: () => readonly string[];
  /** Mean pause between two operations. */
  readonly everyMs: number;
  readonly onAcked: (tenant: TenantId, seq: number) => void;
  readonly sleep: (ms: number) => Promise<void>;
}

const requestMs = 3_000;
/** With their pauses far below the duplicate window of two minutes. */
const attemptsMax = 12;

export async function publish(
  options: PublisherOptions,
  pace: { readonly shouldContinue: () => boolean; readonly mayPublish: () => boolean },
): Promise<void> {
  const { name, random, tenants, history, everyMs, sleep } = options;
  for (let count = 1; pace.shouldContinue(); count += 1) {
    await sleep(everyMs * (0.5 + random.next()));
    if (!pace.mayPublish()) continue;
    const operation = makeOperation(random, {
      id: `${name}-${count}`,
      tenant: random.pick(tenants),
    });
    history.begun(operation);
    const outcome = await send(options, operation);
    history.ended(operation, outcome);
    if (outcome.kind !== "acked") continue;
    options.onAcked(operation.tenant, outcome.seq);
    // A client that did not hear its own success: wherever the retry is stored, it changes nothing (T9).
    if (random.chance(0.04)) history.ended(operation, await attempt(options, operation));
  }
}

async function send(options: PublisherOptions, operation: ChaosOperation): Promise<PublishOutcome> {
  let outcome: PublishOutcome = { kind: "unknown" };
  let mayBeThere = false;
  for (let tries = 1; tries <= attemptsMax; tries += 1) {
    outcome = await attempt(options, operation);
    if (outcome.kind === "acked") return outcome;
    if (outcome.kind === "unknown") mayBeThere = true;
    // A publisher that dies with its question open leaves it open.
    if (options.random.chance(0.02)) break;
    await options.sleep(options.random.int(100, 1_500));
  }
  return mayBeThere ? { kind: "unknown" } : outcome;
}

function attempt(options: PublisherOptions, operation: ChaosOperation): Promise<PublishOutcome> {
  // The gateway refuses an invalid document at the door; only JetStream takes it.
  const direct = operation.kind === "invalid" || options.random.chance(0.5);
  return direct ? overJetStream(options, operation) : overHttp(options, operation);
}

async function overJetStream(
  { docs }: PublisherOptions,
  { id, tenant, body }: ChaosOperation,
): Promise<PublishOutcome> {
  try {
    const payload = new TextEncoder().encode(JSON.stringify(body));
    // The gateway's key for the same operation, so that either way finds out about the other.
    const { seq } = await docs.publish({ tenant, payload, messageId: id });
    return { kind: "acked", seq };
  } catch (thrown) {
    const refused = thrown instanceof FreshetError && thrown.code === "overloaded";
    return refused ? { kind: "refused", code: thrown.code } : { kind: "unknown" };
  }
}

async function overHttp(
  { engines, random }: PublisherOptions,
  { id, tenant, body }: ChaosOperation,
): Promise<PublishOutcome> {
  try {
    const response = await fetch(`${random.pick(engines())}/v1/documents`, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        "x-tenant": tenant,
        "idempotency-key": id,
      },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(requestMs),
    });
    const reply = (await response.json()) as { readonly seq?: number; readonly code?: string };
    if (response.ok && typeof reply.seq === "number") return { kind: "acked", seq: reply.seq };
    return response.status === 429
      ? { kind: "refused", code: String(reply.code) }
      : { kind: "unknown" };
  } catch {
    return { kind: "unknown" };
  }
}
