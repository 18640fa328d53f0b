/**
 * The thread that prepares documents: parsing, redaction, chunking, tokens and terms of a large one
 * take longer than the main thread may be away.
 *
 * Owns: a tokenizer with its cache, and the model of names where that lane is on. Never: keeps
 * anything of a document. Receives: `PrepareRequest`, one at a time. Sends: `ready` once, then
 * `named` (unless the document has no id) and `prepared` or `failed` for each request.
 */

import { parentPort, workerData } from "node:worker_threads";
import { limits } from "../../contract/limits.ts";
import type { ClassifierFiles } from "../../embedding/port.ts";
import { systemClock } from "../../runtime/clock.ts";
import { keepCompiled } from "../../runtime/compiled.ts";
import { NativeGate } from "../../runtime/native-gate.ts";
import { yieldBy } from "../../runtime/priority.ts";
import { loadTokenizer } from "../../text/tokenizer.ts";
import { type NamesOf, namesBy, preparersOf } from "./names.ts";
import type { PrepareWorkerData } from "./protocol.ts";
import { answerRequests } from "./thread-program.ts";

const { modelDir, ids, names, gate } = workerData as PrepareWorkerData;
yieldBy(limits.prepareNiceness);
const tokenizer = await loadTokenizer(modelDir);
if (parentPort === null) throw new Error("this file is a thread of an engine");
const namesOf = names === undefined ? undefined : await openNames(names, new NativeGate(gate));
answerRequests(parentPort, preparersOf({ tokenizer, ids }, namesOf), systemClock);
keepCompiled();

/** It brings onnxruntime: a thread without this lane starts without it. */
async function openNames(files: ClassifierFiles, native: NativeGate): Promise<NamesOf> {
  const { openTokenClassifier } = await native.run(
    () => import("../../embedding/onnx-classifier.ts"),
  );
  const classifier = await openTokenClassifier(files, native);
  return namesBy(classifier, await loadTokenizer(files.modelDir));
}
