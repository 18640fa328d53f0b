/**
 * Which embedding model this log was filled with: one record beside the identity, written once. It is a key of the
 * manifests store, not metadata of a stream, because a stream's update has no compare-and-set.
 */

import { FreshetError } from "../../contract/errors.ts";
import { limits } from "../../contract/limits.ts";
import { decodeProbe, encodeProbe, type ModelProbe } from "../../contract/model-probe.ts";
import { type NatsContext, publishIfLast } from "./connection.ts";
import { newestReadable } from "./newest.ts";
import { manifestSubjects, refusedLog, streamNames } from "./streams.ts";

const subject = `${manifestSubjects}.model`;
const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** @throws FreshetError log_unavailable, log_identity (the record is not readable) */
export async function claimModel(context: NatsContext, probe: ModelProbe): Promise<ModelProbe> {
  const payload = encoder.encode(encodeProbe(probe));
  for (let attempt = 1; attempt <= limits.appendAttemptsMax; attempt += 1) {
    const stored = await readModel(context);
    if (stored !== null) return stored;
    const outcome = await publishIfLast(context, { subject, payload, expectedLast: 0 });
    if (outcome.kind === "stored") return probe;
    // Lost to another engine, or no answer: the next look says which.
    if (outcome.kind === "unknown") await context.clock.sleep(limits.readRetryMinMs * attempt);
  }
  throw new FreshetError("log_unavailable", "the claim of the embedding model got no answer");
}

async function readModel(context: NatsContext): Promise<ModelProbe | null> {
  const { value, tail } = await newestReadable(context, {
    ...{ stream: streamNames.manifests, subject },
    read: ({ data }) => decodeProbe(decoder.decode(data)),
  });
  // Which model filled the log is not known any more: another claim could mix two.
  if (value === null && tail > 0) {
    throw refusedLog("the record of the embedding model is not readable");
  }
  return value;
}
