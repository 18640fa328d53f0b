/**
 * What a text takes in the tokens of a model whose vocabulary is not known here. Pure.
 *
 *   TE1  a window is compared with a bound, whatever the text and whatever was learned:
 *        vocabularies that fall back to bytes, as those of chat models do, take a byte for a token
 *        at least;
 *   TE2  a budget is compared with what a prompt is likely to take: the share of a byte that an
 *        endpoint's own counts come to, from a start that is rather too high;
 *   TE3  an endpoint that counts nonsense moves what is expected to a bound and no further.
 */

import { limits } from "../contract/limits.ts";
import { cutText } from "../contract/well-formed.ts";

/** What is known of a model's tokenizer. */
export interface TokenRates {
  /** Tokens a byte, of a whole prompt. */
  readonly expected: number;
  /** What the endpoint puts around the messages besides `limits.messageTokens` for each. */
  readonly template: number;
}

/** English takes a quarter of a token for a byte, and a prompt's frame some more. */
export const unknownRates: TokenRates = { expected: 0.3, template: 0 };

const [expectedMin, expectedMax] = [0.15, 1];
/** Of what one count says, how much is believed: it takes some ten prompts to learn a model. */
const believed = 0.25;

export function frameTokens(messages: number, { template }: TokenRates): number {
  return messages * limits.messageTokens + template;
}

/** The rates after an endpoint has counted a prompt of these messages. */
export function learned(
  rates: TokenRates,
  { texts, counted }: { readonly texts: readonly string[]; readonly counted: number },
): TokenRates {
  const bytes = texts.reduce((sum, text) => sum + bytesOf(text), 0);
  if (bytes === 0 || counted <= 0) return rates;
  const seen = Math.min(expectedMax, Math.max(expectedMin, counted / bytes));
  const expected = rates.expected + believed * (seen - rates.expected);
  // More than the text can take: the endpoint has put in something of its own.
  const above = Math.ceil(counted - bytes - frameTokens(texts.length, rates));
  const template = Math.min(rates.template + Math.max(0, above), limits.templateTokensMax);
  return { expected, template };
}

export const bytesOf = (text: string): number => Buffer.byteLength(text, "utf8");

/** What a model reads at most, in its own tokens. */
export interface Window {
  /** Of prompt and answer together. */
  readonly contextTokens: number;
  /** Of a prompt, as it is expected to take. */
  readonly promptTokens: number;
}

/** How long a prompt may be, UTF-8 bytes. */
export interface PromptRoom {
  /** What it should keep to. */
  readonly bytes: number;
  /** What it must keep to: whatever stands in it, the window holds it and the answer. */
  readonly bytesMax: number;
}

export function promptRoom(
  { contextTokens, promptTokens }: Window,
  { rates, maxTokens, messages }: { rates: TokenRates; maxTokens: number; messages: number },
): PromptRoom {
  const bytesMax = Math.floor(contextTokens - maxTokens - frameTokens(messages, rates));
  const bytes = Math.floor(promptTokens / rates.expected);
  return { bytes: Math.min(bytes, bytesMax), bytesMax };
}

/** An answer gets a quarter of the window at most: what it is written from needs the rest. */
export function answerTokens({ contextTokens }: Window, maxTokens: number): number {
  return Math.min(maxTokens, Math.floor(contextTokens / 4));
}

const scratch = new Uint8Array(64 * 1024);
const encoder = new TextEncoder();

/** The beginning of a text, at most so many bytes of UTF-8: whole characters. */
export function cutBytes(text: string, bytesMax: number): string {
  if (bytesOf(text) <= bytesMax) return text;
  const room = Math.max(0, Math.min(bytesMax, scratch.length));
  const { read } = encoder.encodeInto(text, scratch.subarray(0, room));
  return cutText(text, read);
}
