/**
 * Appends records to a generation that is built, with vectors of its model, in pages of texts and
 * at a rate.
 *
 * Owns: the end of the generation's records while one turn lasts.
 */

import { FreshetError } from "../../src/contract/errors.ts";
import {
  noEpoch,
  noPosition,
  noVersion,
  type Position,
  type TenantId,
  type Version,
} from "../../src/contract/ids.ts";
import { limits } from "../../src/contract/limits.ts";
import {
  type ChunkRecord,
  embeddedTexts,
  type RecordHeader,
  withVectors,
} from "../../src/contract/record.ts";
import type { ReembedPorts, TextEncoder } from "./ports.ts";

interface Target {
  readonly target: TenantId;
  readonly last: RecordHeader | null;
  readonly encoder: TextEncoder;
  /** Texts a second. */
  readonly textsPerS: number;
}

export class GenerationRecords {
  readonly #ports: Pick<ReembedPorts, "log" | "clock" | "signal" | "heartbeat">;
  readonly #target: Target;
  #position: Position;
  #cursor: Version;
  #texts = 0;
  #nextAtMs: number;

  constructor(ports: ReembedPorts, target: Target) {
    this.#ports = ports;
    this.#target = target;
    this.#position = target.last?.position ?? noPosition;
    this.#cursor = target.last?.version ?? noVersion;
    this.#nextAtMs = ports.clock.monotonicMs();
  }

  /** Version of its newest record. */
  get cursor(): Version {
    return this.#cursor;
  }

  /** How many this turn has embedded. */
  get texts(): number {
    return this.#texts;
  }

  /** False when the turn is over before all are appended. */
  async appendAll(records: AsyncIterable<ChunkRecord>, isOver: () => boolean): Promise<boolean> {
    let page: ChunkRecord[] = [];
    let texts = 0;
    for await (const record of records) {
      page.push(record);
      texts += record.kind === "upsert" ? record.chunkCount : 0;
      if (texts < limits.reembedPageTexts && page.length < limits.reembedPageRecords) continue;
      await this.#append(page);
      if (isOver()) return false;
      [page, texts] = [[], 0];
    }
    await this.#append(page);
    return true;
  }

  async #append(page: readonly ChunkRecord[]): Promise<void> {
    const { heartbeat, signal } = this.#ports;
    const vectors = await this.#vectorsOf(page);
    let at = 0;
    for (const record of page) {
      signal()?.throwIfAborted();
      const own = record.kind === "upsert" ? record.chunkCount : 0;
      await this.#appendOne(record, vectors.slice(at, at + own));
      at += own;
    }
    heartbeat({ done: this.#texts, total: this.#texts });
  }

  async #vectorsOf(page: readonly ChunkRecord[]): Promise<readonly Float32Array[]> {
    const { clock, signal } = this.#ports;
    const { encoder, textsPerS } = this.#target;
    const texts = page.flatMap((one) =>
      one.kind === "upsert" ? embeddedTexts(one.body.chunks) : [],
    );
    const vectors: Float32Array[] = [];
    for (let at = 0; at < texts.length; at += limits.reembedPageTexts) {
      const waitMs = this.#nextAtMs - clock.monotonicMs();
      if (waitMs > 0) await clock.sleep(waitMs, signal());
      signal()?.throwIfAborted();
      const some = texts.slice(at, at + limits.reembedPageTexts);
      // From its beginning: what embedding took is a part of the pause.
      this.#nextAtMs = clock.monotonicMs() + (some.length / textsPerS) * 1_000;
      vectors.push(...(await encoder.encode(some, signal())));
    }
    this.#texts += texts.length;
    return vectors;
  }

  /** GD1. @throws FreshetError not_ready when another attempt, or an owner, has appended */
  async #appendOne(given: ChunkRecord, vectors: readonly Float32Array[]): Promise<void> {
    const { target, encoder } = this.#target;
    const base = { ...given, tenant: target, epoch: noEpoch };
    const record =
      base.kind === "upsert"
        ? { ...base, body: { ...withVectors(base.body, vectors), model: encoder.fingerprint } }
        : base;
    const outcome = await this.#ports.log.chunks.append(record, this.#position);
    if (outcome.kind !== "appended") {
      throw new FreshetError("not_ready", "another attempt appends to this generation");
    }
    this.#position = outcome.position;
    this.#cursor = record.version;
  }
}
