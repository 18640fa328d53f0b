/**
 * What an isolated process says about a failure is what its engine hears, and no client sees why.
 */
import { expect, it } from "vitest";
import { errorBody, FreshetError } from "../../../src/contract/errors.ts";
import {
  type EmbedFailure,
  failsAlone,
  lostError,
  unexplainedError,
} from "../../../src/embedding/failures.ts";
import { errorOfReply, failedReply } from "../../../src/ingest/isolation/protocol.ts";

const across = (thrown: unknown) => errorOfReply(structuredClone(failedReply(thrown)));

it.each<EmbedFailure>([
  lostError("gone"),
  unexplainedError("status 500", 500),
  unexplainedError("timeout", undefined),
  failsAlone(new FreshetError("embedding_unavailable")),
])("a failure of the embedder arrives with its reason: $reason.kind", (failure) => {
  const { code, message, reason } = failure;
  expect(across(failure)).toMatchObject({ code, message, reason });
  expect(errorBody(failure).error).not.toHaveProperty("details");
});

it("any other error arrives as its code, message and details", () => {
  const error = new FreshetError("embedding_failed", "refused", { details: { status: 422 } });
  expect(errorBody(across(error))).toEqual(errorBody(error));
  expect(across(new Error("a bug"))).toMatchObject({ code: "internal", message: "a bug" });
});
