/**
 * Which embedding model this log was filled with: one record beside the identity, written once. It is a key of the
 * manifests store, not metadata of a stream, because a stream's update has no compare-and-set.
 */

import { FreshetError } from "../contract/errors.ts";
import { limits } from "../contract/limits.ts";
import { decodeProbe, encodeProbe, type ModelProbe } from "../contract/model-probe.ts";
import { type NatsContext, newestMessage, publishGuarded } from "./nats-connection.ts";
import { manifestSubjects, refusedLog, streamNames } from "./nats-streams.ts";

const subject = `${manifestSubjects}.model`;
const encoder = new TextEncoder();

/** @throws FreshetError log_unavailable, log_identity (the record is not readable) */
export async function claimModel(context: NatsContext, probe: ModelProbe): Promise<ModelProbe> {
  const payload = encoder.encode(encodeProbe(probe));
  for (let attempt = 1; attempt <= limits.appendAttemptsMax; attempt += 1) {
    const stored = await readModel(context);
    if (stored !== null) return stored;
    const outcome = await publishGuarded(context, { subject, payload, expectedLast: 0 });
    if (outcome.kind === "stored") return probe;
    // Lost to another engine, or no answer: the next look says which.
    if (outcome.kind === "unknown") await context.clock.sleep(limits.readRetryMinMs * attempt);
  }
  throw new FreshetError("log_unavailable", "the claim of the embedding model got no answer");
}

async function readModel(context: NatsContext): Promise<ModelProbe | null> {
  const message = await newestMessage(context, streamNames.manifests, subject);
  if (message === null) return null;
  const probe = decodeProbe(message.string());
  if (probe === undefined) throw refusedLog("the record of the embedding model is not readable");
  return probe;
}
