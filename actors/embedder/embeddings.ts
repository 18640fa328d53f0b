/**
 * Texts of callers on their way to the lanes that documents and questions use: the same batches,
 * the same turns of tenants.
 *
 *   EB1  a call's texts are redacted, where the engine redacts, before anything else sees them
 *        (I10);
 *   EB2  a text that the model does not take whole is refused, or cut where the caller says so:
 *        nothing is left out in silence;
 *   EB3  long calls give others a turn between their texts.
 */

import type {
  EmbeddedAs,
  EmbeddedTexts,
  Embeddings,
  TextsToEmbed,
} from "../../src/contract/embeddings.ts";
import { FreshetError } from "../../src/contract/errors.ts";
import type { TenantId } from "../../src/contract/ids.ts";
import { limits } from "../../src/contract/limits.ts";
import { cutText } from "../../src/contract/well-formed.ts";
import type { EmbeddingModel, EmbedInput } from "../../src/embedding/port.ts";
import type { Clock } from "../../src/runtime/clock.ts";
import type { Mailbox } from "../../src/runtime/mailbox.ts";
import { raceAbort } from "../../src/runtime/race-abort.ts";
import { ask } from "../../src/runtime/reply.ts";
import { piecesOf } from "../../src/text/pieces.ts";
import type { Tokenizer } from "../../src/text/port.ts";
import type { EmbedderMessage } from "../messages.ts";

type Lane = Pick<Mailbox<EmbedderMessage>, "tryPut">;

export interface EmbeddingsOptions {
  readonly model: EmbeddingModel;
  readonly tokenizer: Tokenizer;
  readonly lanes: Readonly<Record<EmbeddedAs, Lane>>;
  /** EB1; undefined where callers are engines, which have done it. */
  readonly redact?:
    | ((tenant: TenantId, text: string, signal: AbortSignal) => Promise<string>)
    | undefined;
  /** Throws where the caller may not have it. */
  readonly admit?: ((request: TextsToEmbed) => Promise<void>) | undefined;
  readonly clock: Pick<Clock, "turn">;
}

export function createEmbeddings(options: EmbeddingsOptions): Embeddings {
  const { name, fingerprint, dimensions, maxTokens } = options.model;
  return {
    model: { name, fingerprint, dimensions, maxTokens },
    redacts: options.redact !== undefined,
    embed: async (request) => {
      await options.admit?.(request);
      return embed(options, request);
    },
  };
}

async function embed(options: EmbeddingsOptions, request: TextsToEmbed): Promise<EmbeddedTexts> {
  const { tenant, signal } = request;
  const inputs = await inputsOf(options, request);
  const asked = ask<readonly Float32Array[], EmbedderMessage>({
    message: (reply) => ({ type: "embed", tenant, inputs, signal, reply }),
    send: (message) => options.lanes[request.as].tryPut(message),
    refused: () => new FreshetError("overloaded"),
  });
  const vectors = await raceAbort(asked, signal);
  return { vectors, tokens: inputs.reduce((sum, { tokens }) => sum + tokens.length, 0) };
}

/** EB1, EB2, EB3. */
async function inputsOf(
  { clock, redact, ...model }: EmbeddingsOptions,
  { tenant, texts, truncate, signal }: TextsToEmbed,
): Promise<readonly EmbedInput[]> {
  const inputs: EmbedInput[] = [];
  let slice = 0;
  for (const [index, given] of texts.entries()) {
    slice += given.length;
    if (slice > limits.embeddingsSliceChars) {
      await clock.turn();
      slice = given.length;
    }
    if (signal.aborted) throw new FreshetError("cancelled");
    // Before redaction, which looks at every character: what is beyond is refused or left out.
    const begins = cutText(given, limits.embeddingsTextCharsMax);
    const isCut = begins.length < given.length;
    if (isCut && !truncate) throw tooLong(index, model.model.maxTokens);
    const text = redact === undefined ? begins : await redact(tenant, begins, signal);
    inputs.push(inputOf(model, { text, index, truncate, isCut }));
  }
  return inputs;
}

function inputOf(
  { model, tokenizer }: Pick<EmbeddingsOptions, "model" | "tokenizer">,
  asked: {
    readonly text: string;
    readonly index: number;
    readonly truncate: boolean;
    readonly isCut: boolean;
  },
): EmbedInput {
  const { text, index, truncate, isCut } = asked;
  const { maxTokens } = model;
  // One more than it takes tells a text that fits from one that would be cut.
  const tokens = tokenizer.encode(text, maxTokens + 1);
  if (!isCut && tokens.length <= maxTokens) return { text, tokens };
  if (!truncate) throw tooLong(index, maxTokens);
  // An endpoint gets the text, not its ids: it must not see what is left out.
  const [begins = text] = piecesOf(text, tokenizer, maxTokens);
  return { text: begins, tokens: tokenizer.encode(begins, maxTokens) };
}

function tooLong(index: number, maxTokens: number): FreshetError {
  const says = `input.${index}: the model takes ${maxTokens} tokens of a text, and this one has more; "truncate": true embeds its beginning`;
  return new FreshetError("invalid_request", says, { details: { index, max_tokens: maxTokens } });
}
