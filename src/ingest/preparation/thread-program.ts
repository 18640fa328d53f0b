/**
 * The thread's end: prepares each payload that it is sent. `thread-client.ts` is the engine's end.
 */

import type { MessagePort } from "node:worker_threads";
import { errorBody, toFreshetError } from "../../contract/errors.ts";
import type { Clock } from "../../runtime/clock.ts";
import { preparePayload } from "../prepare-payload.ts";
import type { Preparer } from "../preparer.ts";
import { type PrepareReply, type PrepareRequest, packPrepared } from "./protocol.ts";

export function answerRequests(
  port: MessagePort,
  preparerOf: (redactionKey: Uint8Array) => Preparer,
  clock: Clock,
): void {
  const say = (reply: PrepareReply, transfer: readonly ArrayBuffer[] = []): void =>
    port.postMessage(reply, [...transfer]);
  const answer = async ({ payload, documentTextBytesMax, redactionKey }: PrepareRequest) => {
    const begunMs = clock.monotonicMs();
    const named = (documentId: Extract<PrepareReply, { kind: "named" }>["documentId"]): void =>
      say({ kind: "named", documentId });
    try {
      const prepare = preparerOf(redactionKey);
      const prepared = await preparePayload(payload, { documentTextBytesMax, prepare, named });
      const { packed, transfer } = packPrepared(prepared);
      say({ kind: "prepared", prepared: packed, ms: clock.monotonicMs() - begunMs }, transfer);
    } catch (thrown) {
      say({ kind: "failed", error: errorBody(toFreshetError(thrown)) });
    }
  };
  port.on("message", (request: PrepareRequest) => void answer(request));
  say({ kind: "ready" });
}
