/** The models that a merge worker builds generations with: loaded when needed, some time kept. */

import type { ReembedPorts, TextEncoder } from "../../activities/reembed/ports.ts";
import { FreshetError } from "../contract/errors.ts";
import { limits } from "../contract/limits.ts";
import { decodeProbe, encodeProbe } from "../contract/model-probe.ts";
import { type GenerationEncoder, openGenerationEncoder } from "./embedding.ts";
import type { Foundation } from "./foundation.ts";

interface Kept {
  readonly opening: Promise<GenerationEncoder>;
  usedBy: number;
  usedAtMs: number;
}

/** The embedder makes its own; without one it is not to be measured. */
const noTokens = new Int32Array();

export class GenerationEncoders {
  readonly #base: Foundation;
  readonly #kept = new Map<string, Kept>();
  readonly #stop = new AbortController();

  constructor(base: Foundation) {
    this.#base = base;
  }

  readonly withEncoder: ReembedPorts["withEncoder"] = async ({ model, probe }, work) => {
    const name = model ?? "";
    const expected = probe === undefined ? undefined : decodeProbe(probe);
    const kept = this.#kept.get(name) ?? {
      opening: openGenerationEncoder(this.#base, name, expected),
      ...{ usedBy: 0, usedAtMs: 0 },
    };
    this.#kept.set(name, kept);
    kept.usedBy += 1;
    try {
      const opened = await kept.opening.catch((thrown: unknown) => {
        this.#kept.delete(name);
        throw thrown;
      });
      return await work(encoderOf(opened));
    } finally {
      kept.usedBy -= 1;
      kept.usedAtMs = this.#base.clock.monotonicMs();
      void this.#closeLater(name, kept);
    }
  };

  async close(): Promise<void> {
    this.#stop.abort();
    for (const name of this.#kept.keys()) await this.#close(name);
  }

  async #closeLater(name: string, kept: Kept): Promise<void> {
    const { clock } = this.#base;
    await clock.sleep(limits.reembedModelKeptMs, this.#stop.signal);
    const restedMs = clock.monotonicMs() - kept.usedAtMs;
    const isResting = kept.usedBy === 0 && restedMs >= limits.reembedModelKeptMs;
    if (isResting && this.#kept.get(name) === kept) await this.#close(name);
  }

  async #close(name: string): Promise<void> {
    const opening = this.#kept.get(name)?.opening;
    this.#kept.delete(name);
    await opening?.then(({ embedder }) => embedder.close()).catch(() => {});
  }
}

function encoderOf({ embedder, probe }: GenerationEncoder): TextEncoder {
  return {
    fingerprint: embedder.model.fingerprint,
    probe: encodeProbe(probe),
    async encode(texts, signal) {
      const batch = texts.map((text) => ({ text, tokens: noTokens }));
      const vectors = await embedder.embed(batch, { lane: "ingest", signal });
      if (vectors.length === texts.length) return vectors;
      throw new FreshetError("internal", "a text came back without a vector");
    },
  };
}
