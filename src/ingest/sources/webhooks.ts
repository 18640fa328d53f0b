/**
 * Webhooks: one request, one event, mapped at once and published before it is answered.
 *
 * Owns: a mapper for each webhook that was called, and what was looked up a moment ago.
 * Never: reads a stranger's body twice, or keeps one.
 *
 *   WH1  an answer with success means that DOCS has every operation, or that the dead letter is
 *        written; what passes (a full log) is the sender's to try again;
 *   WH2  who sends is known by the signature where the source asks for one, else by the API key of
 *        its tenant;
 *   WH3  a delivery that is repeated within the duplicate window has no second effect.
 */

import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { FreshetError } from "../../contract/errors.ts";
import { limits } from "../../contract/limits.ts";
import type { Metrics } from "../../contract/observation.ts";
import type { Service } from "../../contract/service.ts";
import type {
  Mapped,
  SourceDefinition,
  WebhookReceipt,
  WebhookRequest,
  Webhooks,
} from "../../contract/source.ts";
import type { Clock } from "../../runtime/clock.ts";
import type { Mapper, SourceStore } from "./port.ts";
import { deliveryOf, isSignedByGitHub, isSignedByStandard } from "./signature.ts";

export interface WebhooksOptions {
  readonly store: Pick<SourceStore, "get" | "putLetter">;
  readonly service: Pick<Service, "publish">;
  readonly createMapper: (source: SourceDefinition) => Mapper;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly metrics: Metrics;
}

export interface RunningWebhooks extends Webhooks {
  close(): Promise<void>;
}

type WebhookSource = SourceDefinition & {
  readonly input: Extract<SourceDefinition["input"], { kind: "webhook" }>;
};

const encoder = new TextEncoder();

export function createWebhooks(options: WebhooksOptions): RunningWebhooks {
  return new WebhookDoor(options);
}

class WebhookDoor implements RunningWebhooks {
  readonly #options: WebhooksOptions;
  readonly #known = new Map<
    string,
    { readonly atMs: number; readonly source: WebhookSource | null }
  >();
  readonly #mappers = new Map<string, { readonly generation: string; readonly mapper: Mapper }>();

  constructor(options: WebhooksOptions) {
    this.#options = options;
  }

  async tenantOf(name: string) {
    return (await this.#source(name)).tenant;
  }

  async receive(request: WebhookRequest): Promise<WebhookReceipt> {
    const source = await this.#source(request.name);
    await this.#checkSender(source, request);
    const { clock, metrics } = this.#options;
    const { headers } = request;
    const payload = eventBytes(request);
    const subject = `/v1/sources/${source.name}/events`;
    const event = { subject, headers, payload, sequence: 0, atMs: clock.nowMs() };
    const [mapped] = await this.#mapperOf(source).map([event]);
    if (mapped === undefined) throw new FreshetError("internal", "an event without an outcome");
    const delivery = deliveryOf(headers, source.input.signature?.kind);
    const receipt = await this.#dealWith(source, mapped, delivery);
    const outcome = mapped.kind === "operations" ? "mapped" : mapped.kind;
    metrics.count("source_events_total", { source: source.name, outcome });
    return receipt;
  }

  async close(): Promise<void> {
    await Promise.all([...this.#mappers.values()].map(({ mapper }) => mapper.close()));
  }

  async #dealWith(
    source: WebhookSource,
    mapped: Mapped,
    delivery: string | undefined,
  ): Promise<WebhookReceipt> {
    switch (mapped.kind) {
      case "skipped":
        return { operations: [], skipped: mapped.reason };
      case "failed":
        await this.#letter(source, mapped.message, delivery);
        return { operations: [], failed: mapped.message };
      case "operations":
        return { operations: await this.#publish(source, mapped, delivery) };
    }
  }

  /** One after the other: a delivery may change one document several times. */
  async #publish(
    { name, generation, tenant }: WebhookSource,
    { operations }: Extract<Mapped, { kind: "operations" }>,
    delivery: string | undefined,
  ) {
    const { service, metrics } = this.#options;
    const published: { id: string; seq: number }[] = [];
    for (const [index, { id, payload }] of operations.entries()) {
      const messageId =
        delivery === undefined
          ? undefined
          : `source/${name}/${generation}/${tokenOf(delivery)}/${index}`;
      const { seq } = await service.publish(tenant, {
        payload: encoder.encode(payload),
        messageId,
        isDelete: isDelete(payload),
      });
      published.push({ id, seq });
    }
    metrics.count("source_operations_total", { source: name }, published.length);
    return published;
  }

  async #letter(
    { name, generation, tenant }: WebhookSource,
    message: string,
    delivery: string | undefined,
  ): Promise<void> {
    const { store, clock } = this.#options;
    const atMs = clock.nowMs();
    // Without a name of its own each delivery counts: the time tells them apart.
    const token = delivery === undefined ? `at-${atMs}` : tokenOf(delivery);
    const subject = `/v1/sources/${name}/events`;
    await store.putLetter({
      ...{ source: name, generation, tenant, subject, message, atMs },
      ...{ sequence: 0, delivery: token },
    });
  }

  /** @throws FreshetError not_found; log_unavailable */
  async #source(name: string): Promise<WebhookSource> {
    const { store, clock } = this.#options;
    const known = this.#known.get(name);
    const isFresh = known && clock.monotonicMs() - known.atMs < limits.webhookLookupMs;
    const source = isFresh ? known.source : webhookOf(await store.get(name));
    if (!isFresh) this.#remember(name, source);
    if (source === null) throw new FreshetError("not_found", "there is no such webhook");
    return source;
  }

  #remember(name: string, source: WebhookSource | null): void {
    this.#known.delete(name);
    this.#known.set(name, { atMs: this.#options.clock.monotonicMs(), source });
    const isFull = this.#known.size > limits.webhookLookupsMax;
    const oldest = isFull ? this.#known.keys().next().value : undefined;
    if (oldest !== undefined) this.#known.delete(oldest);
  }

  #mapperOf(source: WebhookSource): Mapper {
    const { name, generation } = source;
    const known = this.#mappers.get(name);
    if (known?.generation === generation) return known.mapper;
    void known?.mapper.close();
    const mapper = this.#options.createMapper(source);
    this.#mappers.set(name, { generation, mapper });
    return mapper;
  }

  /** WH2. */
  async #checkSender(source: WebhookSource, request: WebhookRequest): Promise<void> {
    const { signature } = source.input;
    if (signature === undefined) {
      if (request.caller === source.tenant) return;
      throw new FreshetError("unauthorized", "send the API key of the source's tenant");
    }
    const secret = await this.#secret(signature.secret);
    const signed = { ...request, nowMs: this.#options.clock.nowMs() };
    const verify = signature.kind === "github" ? isSignedByGitHub : isSignedByStandard;
    if (verify(signed, secret)) return;
    throw new FreshetError("unauthorized", "the signature is missing or wrong");
  }

  async #secret(named: { readonly env: string } | { readonly file: string }): Promise<string> {
    const secret =
      "env" in named
        ? this.#options.env[named.env]
        : await readFile(named.file, "utf8").catch(() => undefined);
    if (secret !== undefined && secret.trim() !== "") return secret.trim();
    throw new FreshetError("not_ready", "this node does not have the secret of the source");
  }
}

function webhookOf(source: SourceDefinition | null): WebhookSource | null {
  return source?.input.kind === "webhook" ? (source as WebhookSource) : null;
}

const form = /^application\/x-www-form-urlencoded\b/i;

/** GitHub sends JSON in a form unless it is told otherwise. The signature is over the form. */
function eventBytes({ headers, body }: WebhookRequest): Uint8Array {
  if (!form.test(headers["content-type"] ?? "")) return body;
  const payload = new URLSearchParams(new TextDecoder().decode(body)).get("payload");
  return payload === null ? body : encoder.encode(payload);
}

const plain = /^[A-Za-z0-9_.:#/-]+$/;

/** What a sender calls its delivery, as part of a message id. */
function tokenOf(delivery: string): string {
  const fits = delivery.length <= limits.webhookDeliveryCharsMax && plain.test(delivery);
  return fits ? delivery : createHash("sha256").update(delivery).digest("hex");
}

/** A delete passes every quota. @param payload as mapping made it */
function isDelete(payload: string): boolean {
  return (JSON.parse(payload) as { readonly op?: unknown }).op === "delete";
}
