/**
 * The thread that owns one onnxruntime session, because creating a session and running it both
 * block.
 *
 * Owns: the session. Never does: batching, retries, validation of vectors.
 * Receives: `WorkerRequest`, one at a time and in order. Sends: `WorkerReply`.
 *
 * OW1  `ready` is sent once, before any other reply.
 * OW2  Every `embed` gets exactly one `embedded` or `failed` with its id, unless the thread dies.
 * OW3  `close` is last: the session is released here and the thread ends by itself. Terminating a
 *    thread from outside while native code runs can take the process down.
 */

import { parentPort, workerData } from "node:worker_threads";
import { InferenceSession, listSupportedBackends, Tensor } from "onnxruntime-node";
import { yieldBy } from "../runtime/priority.ts";
import {
  unpackBatch,
  type WorkerReply,
  type WorkerRequest,
  type WorkerSettings,
} from "./onnx-protocol.ts";
import { explainSessionFailure, sessionOptions, unknownProvider } from "./onnx-provider.ts";
import { packSparseRows } from "./sparse-rows.ts";

type EmbedRequest = Extract<WorkerRequest, { kind: "embed" }>;

const settings = workerData as WorkerSettings;
yieldBy(settings.niceness);

const session = await createSession(settings);
checkGraph(session, settings.dimensions);

let last: Promise<void> = Promise.resolve();
parentPort?.on("message", (request: WorkerRequest) => {
  // `run` yields once before it blocks, so without the chain two requests could interleave.
  last = last.then(() => handle(request));
});
reply({ kind: "ready" });

/**
 * No other provider replaces the configured one: somebody who pays for a GPU wants to know.
 */
async function createSession({ graphFile, provider, threads }: WorkerSettings) {
  const known = listSupportedBackends().map(({ name }) => name);
  const unknown = unknownProvider(provider, known);
  if (unknown !== undefined) throw new Error(unknown);
  try {
    return await InferenceSession.create(graphFile, sessionOptions(provider, threads));
  } catch (cause) {
    throw new Error(explainSessionFailure(provider, cause), { cause });
  }
}

async function handle(request: WorkerRequest): Promise<void> {
  switch (request.kind) {
    case "embed":
      return embed(request);
    case "close":
      await session.release();
      parentPort?.close();
  }
}

async function embed(request: EmbedRequest): Promise<void> {
  const { id, rows, columns } = request;
  try {
    const { ids, mask } = unpackBatch(request);
    const dims = [rows, columns];
    const outputs = await session.run({
      input_ids: new Tensor("int32", ids, dims),
      attention_mask: new Tensor("int32", mask, dims),
    });
    const data = outputs["embedding"]?.data;
    if (!(data instanceof Float32Array)) throw new Error("the graph returned no float32 embedding");
    // Copied, because the runtime owns its own buffer and it is not ours to transfer.
    const { sparseTermsMax } = settings;
    const vectors =
      sparseTermsMax === undefined
        ? new Float32Array(data)
        : packSparseRows(data, { rows, termsMax: sparseTermsMax });
    reply({ kind: "embedded", id, vectors }, [vectors.buffer]);
  } catch (error) {
    reply({ kind: "failed", id, message: error instanceof Error ? error.message : String(error) });
  }
}

function reply(message: WorkerReply, transfer: ArrayBuffer[] = []): void {
  parentPort?.postMessage(message, transfer);
}

/** A graph of another kind is refused at the start, not at the first document. */
function checkGraph(
  { inputNames, outputNames, outputMetadata }: InferenceSession,
  dimensions: number,
) {
  const inputs = [...inputNames].sort().join(",");
  if (inputs !== "attention_mask,input_ids" || outputNames.join(",") !== "embedding") {
    throw new Error("the graph is not one of ours: compile it with ops/model");
  }
  const [output] = outputMetadata;
  const width = output?.isTensor === true ? output.shape.at(-1) : undefined;
  if (width !== dimensions) {
    throw new Error(`the graph makes vectors of ${width} dimensions, expected ${dimensions}`);
  }
}
