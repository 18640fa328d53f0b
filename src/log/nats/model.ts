/**
 * Which embedding model this log was filled with: one record beside the identity, written once. It
 * is a key of the manifests store, not metadata of a stream, because a stream's update has no
 * compare-and-set.
 */

import { decodeProbe, encodeProbe, type ModelProbe } from "../../contract/model-probe.ts";
import { modelSubject } from "../wire/subjects.ts";
import type { NatsContext } from "./connection.ts";
import { newestReadable } from "./newest.ts";
import { publishIfLastUntilKnown } from "./publish.ts";
import { refusedLog, streamNames } from "./streams.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** @throws FreshetError log_unavailable, log_identity (the record is not readable) */
export async function claimModel(context: NatsContext, probe: ModelProbe): Promise<ModelProbe> {
  const earlier = await readModel(context);
  if (earlier !== null) return earlier;
  return publishIfLastUntilKnown<ModelProbe>(context, {
    message: {
      subject: modelSubject,
      payload: encoder.encode(encodeProbe(probe)),
      expectedLast: 0,
    },
    stored: () => probe,
    readBack: async () => {
      const result = await readModel(context);
      return result === null ? { kind: "open" } : { kind: "known", result };
    },
    silence: "the claim of the embedding model got no answer",
  });
}

async function readModel(context: NatsContext): Promise<ModelProbe | null> {
  const { value, tail } = await newestReadable(context, {
    ...{ stream: streamNames.manifests, subject: modelSubject },
    read: ({ data }) => decodeProbe(decoder.decode(data)),
  });
  // Which model filled the log is not known any more: another claim could mix two.
  if (value === null && tail > 0) {
    throw refusedLog("the record of the embedding model is not readable");
  }
  return value;
}
