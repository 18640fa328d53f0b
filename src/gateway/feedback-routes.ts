/** `POST /v1/feedback`, and `GET` for who exports it. */

import type { FastifyInstance, FastifyRequest } from "fastify";
import { FreshetError } from "../contract/errors.ts";
import { type FeedbackPage, parseFeedback } from "../contract/feedback.ts";
import { limits } from "../contract/limits.ts";
import type { Reader, Service } from "../contract/service.ts";
import { FairShares } from "../runtime/fair-shares.ts";
import type { Gate } from "./gate.ts";
import { takesOnly } from "./query-names.ts";
import { wholeNumberIn } from "./whole-number.ts";

interface FeedbackQuery {
  readonly after?: unknown;
  readonly limit?: unknown;
}

export interface FeedbackHandler {
  /** @throws FreshetError */
  store(reader: Reader, body: unknown): Promise<{ readonly seq: number }>;
  /** Not for a reader with groups: it names documents of the whole tenant. @throws FreshetError */
  page(reader: Reader, query: FeedbackQuery): Promise<FeedbackPage>;
}

/** What a surface takes and gives, unchecked as it came. */
export function createFeedbackHandler(
  service: Pick<Service, "feedback" | "feedbackAfter">,
): FeedbackHandler {
  const places = new FairShares({ total: limits.feedbackInFlightMax });
  const inPlace = async <Value>(reader: Reader, work: () => Promise<Value>): Promise<Value> => {
    const share = places.tryTake(reader.tenant);
    if (share === undefined) throw new FreshetError("overloaded", "too much feedback at once");
    try {
      return await work();
    } finally {
      share.release();
    }
  };
  return {
    async store(reader, body) {
      const said = parseFeedback(body);
      return inPlace(reader, () => service.feedback(reader.tenant, said));
    },
    async page(reader, query) {
      if (reader.groups !== undefined) {
        throw new FreshetError("forbidden", "feedback is read with keys without groups");
      }
      const page = {
        after: wholeNumberIn(query.after ?? "0", "after", [0, Number.MAX_SAFE_INTEGER]),
        limit: wholeNumberIn(query.limit ?? `${limits.feedbackPageDefault}`, "limit", [
          1,
          limits.feedbackPageMax,
        ]),
      };
      return inPlace(reader, () => service.feedbackAfter(reader.tenant, page));
    },
  };
}

export function addFeedbackRoutes(
  app: FastifyInstance,
  options: {
    readonly feedback: FeedbackHandler;
    readonly gate: Gate;
    readonly wantsJson: (request: FastifyRequest) => Promise<void>;
  },
): void {
  const { feedback, gate, wantsJson } = options;
  app.post(
    "/v1/feedback",
    { onRequest: [gate.admits("query"), wantsJson], bodyLimit: limits.feedbackBytesMax },
    async (request, reply) => {
      reply.code(202);
      return feedback.store(gate.readerOf(request), request.body);
    },
  );
  app.get<{ Querystring: FeedbackQuery }>(
    "/v1/feedback",
    { onRequest: [gate.admits("query"), takesOnly("after", "limit")] },
    async (request) => feedback.page(gate.readerOf(request), request.query),
  );
}
