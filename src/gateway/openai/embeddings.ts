/**
 * Vectors in the form of OpenAI's API: one handler behind HTTP and NATS, on an engine and on an
 * embed server.
 *
 *   OE1  the model that computed them is in every reply (`freshet`), so that a caller can tell a
 *        server with another one;
 *   OE2  no tenant takes all of the requests in flight, of the bytes of their bodies, or of the
 *        texts whose vectors make the replies; a body over HTTP has its bytes before it is read,
 *        and a reply over HTTP counts until the caller has it: some read slowly.
 */

import { z } from "zod";
import {
  type ComputingModel,
  type Embeddings,
  type EmbeddingsRequest,
  parseEmbeddingsRequest,
} from "../../contract/embeddings.ts";
import { FreshetError } from "../../contract/errors.ts";
import type { TenantId } from "../../contract/ids.ts";
import { limits } from "../../contract/limits.ts";
import { FairShares, type Share } from "../../runtime/fair-shares.ts";

export interface UncheckedEmbeddings {
  readonly tenant: TenantId;
  readonly credential?: string | undefined;
  /** Parsed JSON, unchecked. */
  readonly body: unknown;
  readonly signal: AbortSignal;
  /** Gets the end of what the texts hold, to call when the reply is out; else that is at once. */
  readonly untilOut?: ((release: () => void) => void) | undefined;
}

export interface EmbeddingsHandler {
  readonly model: ComputingModel;
  /** Room for a body, until what is returned is called. @throws FreshetError overloaded */
  hold(tenant: TenantId, bodyBytes: number): () => void;
  /** @throws FreshetError */
  embed(request: UncheckedEmbeddings): Promise<EmbeddingsReply>;
}

const count = z.int();

export const embeddingsReplySchema = z.object({
  object: z.literal("list"),
  model: z.string(),
  data: z.array(
    z.object({
      object: z.literal("embedding"),
      index: count,
      /** Numbers, or base64 of float32 in little-endian order. */
      embedding: z.union([z.array(z.number()), z.string()]),
    }),
  ),
  /** Tokens that the model read. */
  usage: z.object({ prompt_tokens: count, total_tokens: count }),
  freshet: z.object({
    /** What computed the vectors, down to the precision. */
    fingerprint: z.string(),
    dimensions: count,
    /** Of a text, with its two marks. */
    max_tokens: count,
    /** Whether the texts went through the redaction of their tenant. */
    redacted: z.boolean(),
  }),
});
export type EmbeddingsReply = z.infer<typeof embeddingsReplySchema>;

export function createEmbeddingsHandler(embeddings: Embeddings): EmbeddingsHandler {
  const { model, redacts } = embeddings;
  const timesFree = limits.embeddingsTimesFree;
  const bodies = new FairShares({ total: limits.embeddingsBodyBytesMax, timesFree });
  const inFlight = new FairShares({ total: limits.embeddingsInFlightMax, timesFree });
  // Half of it for one caller alone: a request may ask for a quarter at once.
  const textsMax = textsInFlightOf(model);
  const textsInFlight = new FairShares({ total: textsMax });
  return {
    model,
    hold(tenant, bodyBytes) {
      const share = taken(bodies.tryTake(tenant, Math.max(1, bodyBytes)));
      return () => share.release();
    },
    async embed({ body, untilOut = (release) => release(), ...caller }) {
      const request = parseEmbeddingsRequest(body);
      checkModel(request, model);
      const texts = [request.input].flat();
      checkCount(texts.length, textsMax / 2);
      const place = taken(inFlight.tryTake(caller.tenant));
      let room: Share | undefined;
      try {
        room = taken(textsInFlight.tryTake(caller.tenant, texts.length));
        const { input_type, truncate: cut } = request;
        const [as, truncate] = [input_type ?? "document", cut ?? false] as const;
        const embedded = await embeddings.embed({ ...caller, texts, as, truncate });
        return {
          object: "list",
          model: model.name,
          data: embedded.vectors.map((vector, index) => ({
            object: "embedding",
            index,
            embedding: request.encoding_format === "base64" ? base64Of(vector) : [...vector],
          })),
          usage: { prompt_tokens: embedded.tokens, total_tokens: embedded.tokens },
          freshet: { ...describeModel(model), redacted: redacts },
        };
      } finally {
        if (room !== undefined) untilOut(room.release.bind(room));
        place.release();
      }
    },
  };
}

/** As many as their vectors leave room for: a text of two words may make 4,096 numbers. */
export function textsInFlightOf({ dimensions }: Pick<ComputingModel, "dimensions">): number {
  const { embeddingsReplyBytesMax, embeddingsNumberBytes } = limits;
  const fit = Math.floor(embeddingsReplyBytesMax / (embeddingsNumberBytes * dimensions));
  return Math.max(2, Math.min(limits.embeddingsTextsInFlightMax, fit));
}

/** What never fits is no overload: it would be asked again for ever. */
function checkCount(texts: number, most: number): void {
  if (texts <= most) return;
  const says = `vectors of this model are long: at most ${Math.floor(most)} texts in a request`;
  throw new FreshetError("invalid_request", says);
}

function taken(share: Share | undefined): Share {
  if (share !== undefined) return share;
  throw new FreshetError("overloaded", "too many requests for vectors at once");
}

export function describeModel({ fingerprint, dimensions, maxTokens }: ComputingModel) {
  return { fingerprint, dimensions, max_tokens: maxTokens };
}

/** @throws FreshetError not_found */
export function checkModelName(asked: string, { name }: Pick<ComputingModel, "name">): void {
  // A name with the folder of its publisher, as model hubs have it, is the same model.
  if (asked.split("/").at(-1) === name.split("/").at(-1)) return;
  throw new FreshetError("not_found", `there is one embedding model here: ${name}`);
}

/** @throws FreshetError not_found, invalid_request, model_mismatch */
function checkModel(request: EmbeddingsRequest, model: ComputingModel): void {
  const { name, dimensions, fingerprint } = model;
  checkModelName(request.model ?? name, model);
  if (request.dimensions !== undefined && request.dimensions !== null) {
    if (request.dimensions !== dimensions) {
      const says = `dimensions: ${name} makes vectors of ${dimensions}, and no others`;
      throw new FreshetError("invalid_request", says);
    }
  }
  if ((request.fingerprint ?? fingerprint) !== fingerprint) {
    throw new FreshetError("model_mismatch", "vectors of another model are computed here", {
      details: { fingerprint },
    });
  }
}

function base64Of(vector: Float32Array): string {
  return Buffer.from(vector.buffer, vector.byteOffset, vector.byteLength).toString("base64");
}
