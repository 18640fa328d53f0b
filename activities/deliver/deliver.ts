/**
 * Sends a tenant's events to one endpoint, in their order, one request each.
 *
 * Owns: one turn of one endpoint. Never: reads a text, or sends what the log does not say.
 * Receives: the tenant's events, which are decided and shown before they are sent (EO2).
 *
 *   DX1  the position moves after the receiver has taken the event: what is between the two when
 *        this process ends is sent again, under the same id;
 *   DX2  an event that is not taken holds up the later ones: the receiver sees one order;
 *   DX3  the definition is read before each request, so that what was paused or removed gets no
 *        more than what is on its way;
 *   DX4  a gap in the log pauses the endpoint and says where the log begins: it is never passed
 *        over in silence;
 *   DX5  the metric of failing webhooks is what is stored, from the begin of each turn: one that
 *        was removed, or resumed by hand, is not told as failing for ever.
 */

import type { DeliveryRequest, DeliveryTurn } from "../../src/contract/delivery.ts";
import {
  deliveredEvent,
  deliveryId,
  type Endpoint,
  type EndpointReply,
  type EndpointState,
  eventTypes,
  type PostToEndpoint,
  signingSecrets,
} from "../../src/contract/endpoint.ts";
import { toFreshetError } from "../../src/contract/errors.ts";
import type { StoredEvent } from "../../src/contract/events.ts";
import { type TenantId, type Version, version } from "../../src/contract/ids.ts";
import { limits } from "../../src/contract/limits.ts";
import type { Logger, Metrics } from "../../src/contract/observation.ts";
import { isErased } from "../../src/contract/tenant-life.ts";
import type { EndpointStore, Stored } from "../../src/log/endpoint-port.ts";
import type { LifeStore } from "../../src/log/life-port.ts";
import type { Clock } from "../../src/runtime/clock.ts";
import { afterDelivery, afterFailure, waitLeft } from "./decide.ts";

export interface DeliveryPorts {
  readonly store: EndpointStore;
  readonly lives: Pick<LifeStore, "get">;
  /** As `Service.events`. */
  readonly events: (
    tenant: TenantId,
    options: { readonly after: Version; readonly signal: AbortSignal },
  ) => AsyncIterable<readonly StoredEvent[]>;
  readonly post: PostToEndpoint;
  readonly clock: Clock;
  /** From 0 to 1. */
  readonly random: () => number;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly heartbeat: (delivered: number) => void;
  readonly signal: () => AbortSignal;
  /** How long a turn may take; `limits.endpointTurnMs` by default. */
  readonly turnMs?: number | undefined;
}

export async function deliverEvents(
  ports: DeliveryPorts,
  { tenant, endpoint: id }: DeliveryRequest,
): Promise<DeliveryTurn> {
  const { life } = await ports.lives.get(tenant);
  const found = isErased(life) ? null : await ports.store.get(tenant, id);
  const state = found && (await ports.store.state({ tenant, id }));
  showTrouble(ports, id, state?.value.trouble?.sinceMs);
  if (isErased(life)) return { kind: "over", delivered: 0, why: "the tenant is erased" };
  if (found === null || state === null) return { kind: "over", delivered: 0, why: "removed" };
  if (found.value.status !== "active") {
    return { kind: "over", delivered: 0, why: found.value.status };
  }
  if (life.state === "suspended") {
    const why = { kind: "resting", attempts: 0, reason: "the tenant is suspended" } as const;
    return { kind: "wait", delivered: 0, waitMs: limits.endpointRestMs, why };
  }
  return new Turn(ports, found, state).run();
}

/** DX5. */
function showTrouble({ metrics }: DeliveryPorts, webhook: string, sinceMs = 0): void {
  metrics.set("webhook_failing_timestamp_seconds", sinceMs / 1_000, { webhook });
}

class Turn {
  readonly #ports: DeliveryPorts;
  readonly #found: Stored<Endpoint>;
  #state: Stored<EndpointState>;
  #delivered = 0;
  #skippedTo = 0;
  #skipStoredAtMs: number;

  constructor(ports: DeliveryPorts, found: Stored<Endpoint>, state: Stored<EndpointState>) {
    this.#ports = ports;
    this.#found = found;
    this.#state = state;
    this.#skipStoredAtMs = ports.clock.monotonicMs();
  }

  async run(): Promise<DeliveryTurn> {
    const { clock, turnMs = limits.endpointTurnMs, signal: cancelled } = this.#ports;
    const over = new AbortController();
    const signal = AbortSignal.any([cancelled(), over.signal]);
    const ended = new AbortController();
    const waits = this.#waits();
    if (waits !== undefined) return waits;
    void clock.sleep(turnMs, ended.signal).then(() => over.abort());
    try {
      return (await this.#read(signal)) ?? this.#more();
    } catch (thrown) {
      cancelled().throwIfAborted();
      if (!over.signal.aborted) return await this.#explain(thrown);
      await this.#storeSkipped();
      return this.#more();
    } finally {
      ended.abort();
    }
  }

  /** A turn that begins while an event waits for its next attempt: another worker, or a sweep. */
  #waits(): DeliveryTurn | undefined {
    const { trouble } = this.#state.value;
    const waitMs = waitLeft(this.#state.value, this.#ports.clock.nowMs());
    if (trouble === undefined || waitMs === 0) return undefined;
    const { attempts, reason } = trouble;
    return { kind: "wait", delivered: 0, waitMs, why: { kind: "failing", attempts, reason } };
  }

  /** Undefined when another turn is to begin from what is stored. */
  async #read(signal: AbortSignal): Promise<DeliveryTurn | undefined> {
    const { tenant, types } = this.#found.value;
    const after = version(this.#state.value.after);
    for await (const page of this.#ports.events(tenant, { after, signal })) {
      for (const event of page) {
        if (!types.includes(eventTypes[event.status])) {
          this.#skippedTo = event.seq;
          continue;
        }
        const end = await this.#send(event, signal);
        if (end !== "next") return end;
      }
      if (!(await this.#storeSkippedInTime())) return undefined;
      this.#ports.heartbeat(this.#delivered);
    }
    return undefined;
  }

  /** DX3. `next`: it is delivered; undefined: somebody changed the endpoint, or its position. */
  async #send(event: StoredEvent, signal: AbortSignal): Promise<DeliveryTurn | "next" | undefined> {
    const { store, post, clock } = this.#ports;
    const { tenant, id } = this.#found.value;
    const now = await store.get(tenant, id);
    if (now === null || now.revision !== this.#found.revision) return undefined;
    signal.throwIfAborted();
    const atMs = clock.nowMs();
    const startedMs = clock.monotonicMs();
    const reply = await post({
      url: now.value.url,
      id: deliveryId(now.value, event.seq),
      secrets: signingSecrets(now.value, atMs),
      atMs,
      body: JSON.stringify(deliveredEvent(tenant, event)),
      // Not the turn's: a request in hand is waited for, and its own time is bounded.
      signal: this.#ports.signal(),
    });
    this.#observe(event, reply, clock.monotonicMs() - startedMs);
    if (reply.kind === "failed") return this.#failed(event, reply);
    if (reply.kind === "gone") return this.#stop("disabled", "the receiver answered 410 Gone");
    const state = afterDelivery(this.#state.value, event.seq, clock.nowMs());
    this.#delivered += 1;
    showTrouble(this.#ports, this.#found.value.id);
    this.#ports.heartbeat(this.#delivered);
    return (await this.#put(state)) ? "next" : undefined;
  }

  /** DX2. */
  async #failed(
    event: StoredEvent,
    reply: Extract<EndpointReply, { kind: "failed" }>,
  ): Promise<DeliveryTurn | undefined> {
    const { store, clock, random } = this.#ports;
    const atMs = clock.nowMs();
    const failure = { seq: event.seq, reply, atMs, random: random() };
    const { state, attempts, waitMs } = afterFailure(this.#state.value, failure);
    if (!(await this.#put(state))) return undefined;
    showTrouble(this.#ports, this.#found.value.id, state.trouble?.sinceMs);
    await store.addFailure(this.#found.value, {
      ...{ seq: event.seq, type: eventTypes[event.status], attempt: attempts },
      ...{ reason: reply.reason, at: new Date(atMs).toISOString() },
    });
    if (waitMs === undefined) {
      return this.#stop("paused", `${attempts} attempts failed, the last with: ${reply.reason}`);
    }
    const why = { kind: "failing", attempts, reason: reply.reason } as const;
    return { kind: "wait", delivered: this.#delivered, waitMs, why };
  }

  /** Undefined when somebody has changed it meanwhile: then that counts. */
  async #stop(status: "paused" | "disabled", why: string): Promise<DeliveryTurn | undefined> {
    const { store, logger } = this.#ports;
    const { value, revision } = this.#found;
    if (!(await store.put({ ...value, status, reason: why }, revision))) return undefined;
    logger.warn({ tenant: value.tenant, webhook: value.id, why }, "a webhook was stopped");
    return { kind: "over", delivered: this.#delivered, why };
  }

  /** DX4. */
  async #explain(thrown: unknown): Promise<DeliveryTurn> {
    const error = toFreshetError(thrown);
    switch (error.code) {
      case "events_expired": {
        const oldest = String(error.details?.["oldest_seq"] ?? "?");
        const gap = `the log holds no events before ${oldest} any more: replay from there`;
        return (await this.#stop("paused", gap)) ?? this.#more();
      }
      case "tenant_suspended": {
        const why = { kind: "resting", attempts: 0, reason: error.message } as const;
        return { kind: "wait", delivered: this.#delivered, waitMs: limits.endpointRestMs, why };
      }
      case "tenant_erased":
        return { kind: "over", delivered: this.#delivered, why: "the tenant is erased" };
      default:
        throw error;
    }
  }

  #more(): DeliveryTurn {
    return { kind: "more", delivered: this.#delivered };
  }

  /** False when the position is not ours to move any more. */
  async #put(state: EndpointState): Promise<boolean> {
    const { store } = this.#ports;
    const revision = await store.putState(this.#found.value, state, this.#state.revision);
    if (revision === undefined) return false;
    this.#state = { value: state, revision };
    return true;
  }

  async #storeSkippedInTime(): Promise<boolean> {
    const { clock } = this.#ports;
    if (clock.monotonicMs() - this.#skipStoredAtMs < limits.endpointSkipEveryMs) return true;
    return this.#storeSkipped();
  }

  /** What the endpoint does not want is not looked at again by the next turn. */
  async #storeSkipped(): Promise<boolean> {
    this.#skipStoredAtMs = this.#ports.clock.monotonicMs();
    if (this.#skippedTo <= this.#state.value.after) return true;
    return this.#put({ ...this.#state.value, after: this.#skippedTo });
  }

  #observe(event: StoredEvent, { kind }: EndpointReply, ms: number): void {
    const { metrics, clock } = this.#ports;
    const { tenant } = this.#found.value;
    metrics.count("webhook_deliveries_total", { tenant, outcome: kind });
    metrics.observe("webhook_request_seconds", ms / 1_000);
    const ageMs = Math.max(0, clock.nowMs() - Date.parse(event.at));
    if (kind === "delivered") metrics.observe("webhook_age_seconds", ageMs / 1_000, { tenant });
  }
}

/**
 * The turn of a webhook that is another deployment's, undefined where it is this worker's own. It
 * is over: the log that it was started for may be gone (a restored backup has another deployment),
 * and a run that tried again for ever would keep the webhook of the log that took its place from
 * being served. Who looks for webhooks that nobody serves starts each anew, for its own log.
 */
export function turnOfAnother(
  { deployment }: DeliveryRequest,
  own: string,
): DeliveryTurn | undefined {
  if (deployment === undefined || deployment === own) return undefined;
  const why = `it was started for deployment ${deployment}, and the worker belongs to ${own}`;
  return { kind: "over", delivered: 0, why };
}
