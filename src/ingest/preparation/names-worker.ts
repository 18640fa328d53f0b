/**
 * The thread that looks for names in questions: documents wait in threads of their own, so a
 * question never waits for one.
 *
 * Owns: a model of names. Never: keeps anything of a question. Receives: `NamesRequest`, one at a
 * time. Sends: `ready` once, then `redacted` or `failed` for each request.
 */

import { parentPort, workerData } from "node:worker_threads";
import { errorBody, toFreshetError } from "../../contract/errors.ts";
import { keepCompiled } from "../../runtime/compiled.ts";
import { NativeGate } from "../../runtime/native-gate.ts";
import { loadTokenizer } from "../../text/tokenizer.ts";
import { namesBy } from "./names.ts";
import type { NamesReply, NamesRequest, NamesSettings } from "./names-thread.ts";

const { files, gate } = workerData as NamesSettings;
const native = new NativeGate(gate);
const { openTokenClassifier } = await native.run(
  () => import("../../embedding/onnx-classifier.ts"),
);
const classifier = await openTokenClassifier(files, native);
const namesOf = namesBy(classifier, await loadTokenizer(files.modelDir));
const port = parentPort;
if (port === null) throw new Error("this file is a thread of an engine");

async function answer({ texts, redactionKey }: NamesRequest): Promise<NamesReply> {
  try {
    return { kind: "redacted", texts: await namesOf(redactionKey).redact(texts) };
  } catch (thrown) {
    return { kind: "failed", error: errorBody(toFreshetError(thrown)) };
  }
}

port.on("message", (request: NamesRequest) => {
  void answer(request).then((reply) => port.postMessage(reply));
});
port.postMessage({ kind: "ready" } satisfies NamesReply);
keepCompiled();
