/**
 * Which question gets the next free actor of the pool: tenants take turns, and none has all (I9).
 *
 *   QT1  at most as many questions are in the pool as it has actors; others wait here, in shares;
 *   QT2  the deadline of a question includes its wait; one whose caller has left stops waiting;
 *   QT3  every question is answered: by the pool, or refused here.
 */

import { FreshetError } from "../../src/contract/errors.ts";
import type { Clock } from "../../src/runtime/clock.ts";
import { Deadline } from "../../src/runtime/deadline.ts";
import type { FairShares, Share } from "../../src/runtime/fair-shares.ts";
import type { Mailbox } from "../../src/runtime/mailbox.ts";
import type { QuestionMessage } from "../messages.ts";

export type QuestionTurns = Pick<Mailbox<QuestionMessage>, "tryPut">;

interface Turns {
  readonly pool: Pick<Mailbox<QuestionMessage>, "tryPut">;
  readonly shares: FairShares;
  readonly clock: Clock;
}

export function questionTurns(turns: Turns): QuestionTurns {
  return {
    tryPut(message) {
      void inTurn(turns, message);
      return true;
    },
  };
}

/** As `FairShares.take`, for as long as the question may wait. */
async function itsTurn(
  { shares, clock }: Pick<Turns, "shares" | "clock">,
  { tenant, question, signal }: QuestionMessage,
): Promise<Share | "refused" | undefined> {
  const deadline = new Deadline(clock, question.deadline_ms, signal);
  const share = await shares.take(tenant, { signal: deadline.signal });
  deadline.clear();
  return share;
}

async function inTurn({ pool, shares, clock }: Turns, message: QuestionMessage): Promise<void> {
  const { tenant, question, reply, signal } = message;
  const begunMs = clock.monotonicMs();
  // Mostly there is room: a deadline for no wait would be a timer for nothing.
  const atOnce = signal.aborted ? undefined : shares.tryTake(tenant);
  const share = atOnce ?? (await itsTurn({ shares, clock }, message));
  if (share === "refused") return reply.reject(new FreshetError("overloaded"));
  if (share === undefined) {
    return reply.reject(new FreshetError(signal.aborted ? "cancelled" : "deadline_exceeded"));
  }
  const waitedMs = Math.floor(clock.monotonicMs() - begunMs);
  const left = {
    deadline_ms: Math.max(1, question.deadline_ms - waitedMs),
    wait_ms: Math.max(0, question.wait_ms - waitedMs),
  };
  const isIn = pool.tryPut({
    ...message,
    question: { ...question, ...left },
    reply: {
      resolve: (answer) => {
        share.release();
        reply.resolve(answer);
      },
      reject: (error) => {
        share.release();
        reply.reject(error);
      },
    },
  });
  if (isIn) return;
  share.release();
  reply.reject(new FreshetError("not_ready"));
}
