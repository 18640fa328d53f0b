/**
 * What the first engine of a log decides for all later ones: which embedding model it is filled
 * with, and the secret under which it is redacted. A record each beside the identity, written once.
 * They are keys of the manifests store, not metadata of a stream, because a stream's update has no
 * compare-and-set.
 */

import { decodeProbe, encodeProbe, type ModelProbe } from "../../contract/model-probe.ts";
import {
  decodeRedactionSecret,
  encodeRedactionSecret,
  type RedactionSecret,
} from "../../contract/redaction-secret.ts";
import { modelSubject, redactionSubject } from "../wire/subjects.ts";
import type { NatsContext } from "./connection.ts";
import { newestReadable } from "./newest.ts";
import { publishIfLastUntilKnown } from "./publish.ts";
import { refusedLog, streamNames } from "./streams.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** @throws FreshetError log_unavailable, log_identity (the record is not readable) */
export function claimModel(context: NatsContext, probe: ModelProbe): Promise<ModelProbe> {
  return claim(context, probe, {
    subject: modelSubject,
    encode: encodeProbe,
    decode: decodeProbe,
    what: "the embedding model",
  });
}

/** @throws FreshetError log_unavailable, log_identity (the record is not readable) */
export function claimRedaction(
  context: NatsContext,
  secret: RedactionSecret,
): Promise<RedactionSecret> {
  return claim(context, secret, {
    subject: redactionSubject,
    encode: encodeRedactionSecret,
    decode: decodeRedactionSecret,
    what: "the secret of redaction",
  });
}

interface Claim<Value> {
  readonly subject: string;
  readonly encode: (value: Value) => string;
  readonly decode: (json: string) => Value | undefined;
  readonly what: string;
}

async function claim<Value>(context: NatsContext, own: Value, kind: Claim<Value>): Promise<Value> {
  const earlier = await readClaim(context, kind);
  if (earlier !== null) return earlier;
  return publishIfLastUntilKnown<Value>(context, {
    message: {
      subject: kind.subject,
      payload: encoder.encode(kind.encode(own)),
      expectedLast: 0,
    },
    stored: () => own,
    readBack: async () => {
      const result = await readClaim(context, kind);
      return result === null ? { kind: "open" } : { kind: "known", result };
    },
    silence: `the claim of ${kind.what} got no answer`,
  });
}

async function readClaim<Value>(
  context: NatsContext,
  { subject, decode, what }: Claim<Value>,
): Promise<Value | null> {
  const { value, tail } = await newestReadable(context, {
    ...{ stream: streamNames.manifests, subject },
    read: ({ data }) => decode(decoder.decode(data)),
  });
  // What filled the log is not known any more: another claim could mix two.
  if (value === null && tail > 0) throw refusedLog(`the record of ${what} is not readable`);
  return value;
}
