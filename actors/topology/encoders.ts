/**
 * What computes the vectors of a node's tenants: the engines' own model, and those of tenants whose
 * generation has another one. These are loaded when the first such tenant starts here.
 *
 * Owns: the models that are loaded beside the own one, and their embedders.
 *
 *   GE1  a generation's documents and its questions are embedded by the same model, so no vector of
 *        another one can be asked for or stored under its name;
 *   GE2  so many models beside the own one, also while several are opened: one after the other. One
 *        that no tenant needs any more makes room;
 *   GE3  what the node says that it can embed by is what a look at what is installed tells, without
 *        those that it has tried in vain.
 */

import { FreshetError, toFreshetError } from "../../src/contract/errors.ts";
import type { Generation } from "../../src/contract/generation.ts";
import type { TenantId } from "../../src/contract/ids.ts";
import { limits } from "../../src/contract/limits.ts";
import type { EmbeddingModel } from "../../src/embedding/port.ts";
import type { KnownGenerations } from "../../src/log/generations.ts";
import type { Mailbox } from "../../src/runtime/mailbox.ts";
import type { EmbedderMessage } from "../messages.ts";
import type { QuestionVectors } from "../question/vectors.ts";
import type { TopologyOptions } from "./options.ts";

export interface TenantEncoder {
  readonly model: EmbeddingModel;
  readonly ingest: Pick<Mailbox<EmbedderMessage>, "put">;
  readonly vectors: QuestionVectors;
}

export interface Beside extends TenantEncoder {
  readonly close: () => Promise<void>;
}

export class TenantEncoders {
  readonly #own: TenantEncoder;
  readonly #generations: KnownGenerations;
  readonly #make: (generation: Generation) => Promise<Beside>;
  readonly #opened = new Map<string, Beside>();
  readonly #opening = new Map<string, Promise<void>>();
  readonly #failed = new Map<string, { readonly atMs: number; readonly error: FreshetError }>();
  /** GE2: ends with the load that was begun last. */
  #turn: Promise<void> = Promise.resolve();
  readonly #parts: Pick<TopologyOptions, "clock" | "logger" | "installedModels">;

  constructor(
    own: TenantEncoder,
    generations: KnownGenerations,
    parts: Pick<TopologyOptions, "clock" | "logger" | "installedModels"> & {
      readonly make: (generation: Generation) => Promise<Beside>;
    },
  ) {
    this.#own = own;
    this.#generations = generations;
    this.#make = parts.make;
    this.#parts = parts;
  }

  /** Undefined while its model is not loaded, or for a generation that nobody feeds. */
  of(name: TenantId): TenantEncoder | undefined {
    const generation = this.#generations.generation(name);
    if (generation === undefined) return undefined;
    return generation.model === null ? this.#own : this.#opened.get(generation.model);
  }

  /** Whether the engines' own model computes its vectors. */
  isOwn(name: TenantId): boolean {
    return this.of(name) === this.#own;
  }

  /** GE3. What has failed is tried again now and then, so that it is said when it was mended. */
  openable(): readonly string[] {
    const wanted = this.#generations.models();
    for (const model of this.#failed.keys()) {
      const generation = wanted.get(model);
      if (generation !== undefined) this.#open(generation, model).catch(() => {}); // It is logged.
    }
    const installed = this.#parts.installedModels?.() ?? [];
    return installed.filter((model) => !this.#failed.has(model));
  }

  /**
   * Why nothing answers under this name here; undefined where the model is not what it waits for.
   */
  absence(name: TenantId): FreshetError | undefined {
    const model = this.#generations.generation(name)?.model ?? null;
    if (model === null || this.#opened.has(model)) return undefined;
    const state = this.#failed.has(model) ? "cannot be loaded" : "is being loaded";
    return new FreshetError("not_ready", `the model of this generation, ${model}, ${state} here`);
  }

  /** @throws FreshetError embedding_unavailable, model_mismatch, overloaded (GE2) */
  async open(name: TenantId): Promise<void> {
    const generation = this.#generations.generation(name);
    const { model } = generation ?? {};
    if (generation === undefined || model === null || model === undefined) return;
    await this.#open(generation, model);
  }

  async #open(generation: Generation, model: string): Promise<void> {
    if (this.#opened.has(model)) return;
    const failed = this.#failed.get(model);
    const sinceMs = this.#parts.clock.monotonicMs() - (failed?.atMs ?? 0);
    if (failed !== undefined && sinceMs < limits.encoderRetryMs) throw failed.error;
    const opening = this.#opening.get(model) ?? this.#tryLoad(generation, model);
    this.#opening.set(model, opening);
    await opening;
  }

  async #tryLoad(generation: Generation, model: string): Promise<void> {
    const { clock, logger } = this.#parts;
    try {
      await this.#inTurn(() => this.#load(generation, model));
      this.#failed.delete(model);
    } catch (thrown) {
      const error = toFreshetError(thrown);
      this.#failed.set(model, { atMs: clock.monotonicMs(), error });
      const { code, message: cause } = error;
      logger.error({ model, code, cause }, "the model of a generation cannot be loaded");
      throw error;
    } finally {
      this.#opening.delete(model);
    }
  }

  /** All that is kept of a tenant's questions. */
  forget(name: TenantId): void {
    for (const { vectors } of [this.#own, ...this.#opened.values()]) vectors.forget(name);
  }

  async close(): Promise<void> {
    await Promise.allSettled(this.#opening.values());
    await Promise.all([...this.#opened.values()].map((one) => one.close()));
  }

  #inTurn(load: () => Promise<void>): Promise<void> {
    const loaded = this.#turn.then(load);
    this.#turn = loaded.catch(() => {});
    return loaded;
  }

  async #load(generation: Generation, model: string): Promise<void> {
    const wanted = this.#generations.models();
    for (const [name, beside] of this.#opened) {
      if (wanted.has(name)) continue;
      this.#opened.delete(name);
      await beside.close();
    }
    if (this.#opened.size >= limits.encodersBesideMax) {
      const most = `${limits.encodersBesideMax} models beside the engines' own`;
      throw new FreshetError("overloaded", `a node loads at most ${most}`);
    }
    this.#opened.set(model, await this.#make(generation));
  }
}
