/**
 * Texts of tenants on their way to an embedder, in shares. The embedder's queue is bounded and its
 * mailbox is first come, first served, so without shares a few documents of a thousand chunks would
 * keep another tenant's one chunk waiting (I9).
 */

import { FreshetError } from "../../src/contract/errors.ts";
import type { FairShares } from "../../src/runtime/fair-shares.ts";
import type { Mailbox } from "../../src/runtime/mailbox.ts";
import type { EmbedderMessage } from "../messages.ts";

export type SharedLane<Vector = Float32Array> = Pick<
  Mailbox<EmbedderMessage<Vector>>,
  "put" | "tryPut"
>;

/** A request for more than half of the shares counts as half: it must find room beside others. */
export function inShares<Vector = Float32Array>(
  embedder: Mailbox<EmbedderMessage<Vector>>,
  shares: FairShares,
): SharedLane<Vector> {
  const shared = {
    async put(message: EmbedderMessage<Vector>, signal = message.signal): Promise<boolean> {
      const amount = Math.max(1, Math.min(message.inputs.length, shares.total / 2));
      const share = await shares.take(message.tenant, { amount, signal });
      if (share === undefined || share === "refused") return false;
      const { reply } = message;
      const isIn = await embedder.put(
        {
          ...message,
          reply: {
            resolve: (vectors) => {
              share.release();
              reply.resolve(vectors);
            },
            reject: (error) => {
              share.release();
              reply.reject(error);
            },
          },
        },
        signal,
      );
      if (!isIn) share.release();
      return isIn;
    },
  };
  return {
    ...shared,
    /**
     * Never refuses: the callers that wait for an answer bound what waits, and each is answered.
     */
    tryPut(message) {
      void shared.put(message).then((isIn) => {
        if (!isIn) message.reply.reject(new FreshetError("embedding_unavailable"));
      });
      return true;
    },
  };
}
