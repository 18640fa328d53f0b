/**
 * What a model wants to stand before a text, by what the text is: e5 tells questions from passages
 * by it. Put there at the port, so that nothing else knows of it: the ids of the prefix follow the
 * first mark. What is beneath takes so many tokens more than callers may send.
 *
 *   EPX1  what is embedded is the model's rendering of prefix and text, cut nowhere;
 *   EPX2  the fingerprint covers both prefixes.
 */

import { digestOf } from "../contract/digest.ts";
import { limits } from "../contract/limits.ts";
import type { Prefixes } from "../contract/model-probe.ts";
import type { Embedder, EmbedInput, Lane } from "./port.ts";

export interface PrefixOptions {
  readonly prefixes: Prefixes;
  /** The model's tokenizer; ids with their two marks. */
  readonly tokenizer: { encode(text: string, maxTokens: number): Int32Array };
}

/** What an embedder beneath has to take beyond what callers may send. */
export function prefixTokens({ prefixes, tokenizer }: PrefixOptions): number {
  const { query, passage } = idsOf({ prefixes, tokenizer });
  return Math.max(query.length, passage.length);
}

function idsOf({
  prefixes,
  tokenizer,
}: PrefixOptions): Readonly<Record<keyof Prefixes, Int32Array>> {
  const ids = (text: string): Int32Array =>
    tokenizer.encode(text, limits.chunkTokensMax).slice(1, -1);
  return { query: ids(prefixes.query), passage: ids(prefixes.passage) };
}

/** Questions come by the query lane, all else by the other one. */
const roles: Readonly<Record<Lane, keyof Prefixes>> = { query: "query", ingest: "passage" };

/** @param embedder takes `prefixTokens` more than its callers here may send */
export function prefixed(embedder: Embedder, options: PrefixOptions): Embedder {
  const { prefixes } = options;
  if (prefixes.query === "" && prefixes.passage === "") return embedder;
  const { model } = embedder;
  const ids = idsOf(options);
  const before = (role: keyof Prefixes, { text, tokens }: EmbedInput): EmbedInput => ({
    text: `${prefixes[role]}${text}`,
    tokens: Int32Array.of(...tokens.subarray(0, 1), ...ids[role], ...tokens.subarray(1)),
  });
  return {
    model: {
      ...model,
      maxTokens: model.maxTokens - prefixTokens(options),
      fingerprint: fingerprintOf(model.fingerprint, prefixes),
    },
    embed: (batch, embedOptions) =>
      embedder.embed(
        batch.map((input) => before(roles[embedOptions.lane], input)),
        embedOptions,
      ),
    ...(embedder.ping === undefined ? {} : { ping: () => embedder.ping?.() ?? Promise.resolve() }),
    close: () => embedder.close(),
  };
}

const fingerprintHexChars = 16;

/** EPX2. */
function fingerprintOf(graph: string, { query, passage }: Prefixes): string {
  const both = new TextEncoder().encode(JSON.stringify([graph, query, passage]));
  return digestOf(both).slice(0, fingerprintHexChars);
}
