/**
 * The thread that looks for names in questions: documents wait in threads of their own, so a
 * question never waits for one.
 *
 * Owns: a model of names. Never: keeps anything of a question. Receives: `NamesRequest`, one at a
 * time. Sends: `ready` once, then `redacted` or `failed` for each request.
 */

import { parentPort, workerData } from "node:worker_threads";
import { errorBody, toFreshetError } from "../../contract/errors.ts";
import { openTokenClassifier } from "../../embedding/onnx-classifier.ts";
import type { ClassifierFiles } from "../../embedding/port.ts";
import { loadTokenizer } from "../../text/tokenizer.ts";
import { namesBy } from "./names.ts";
import type { NamesReply, NamesRequest } from "./names-thread.ts";
import { endWhenAsked } from "./thread-end.ts";

const port = parentPort;
if (port === null) throw new Error("this file is a thread of an engine");
endWhenAsked(port);
const files = workerData as ClassifierFiles;
const namesOf = namesBy(await openTokenClassifier(files), await loadTokenizer(files.modelDir));

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
