/**
 * The thread or process that owns one onnxruntime session, because creating a session and running
 * it both block.
 *
 * Owns: the session. Never does: batching, retries, validation of vectors.
 * Receives: `WorkerRequest`. Sends: `WorkerReply`.
 *
 * OW1  `ready` is sent once, before any other reply; by a device only after it has made a vector
 *    of unit length. A worker that cannot run its graph says why instead, and ends.
 * OW2  Every `embed` gets exactly one `embedded` or `failed` with its id, unless the worker dies.
 * OW3  `close` is last: the session is released here and the worker ends by itself. Terminating a
 *    thread from outside while native code runs can take the process down.
 * OW4  One batch at a time; of those that wait, a question's before ingest's.
 */

import { pathToFileURL } from "node:url";
import type * as Onnxruntime from "onnxruntime-node";
import { keepCompiled } from "../runtime/compiled.ts";
import { yieldBy } from "../runtime/priority.ts";
import { openWorkerPort } from "./onnx-channel.ts";
import {
  type PackedBatch,
  packBatch,
  unpackBatch,
  type WorkerRequest,
  type WorkerSettings,
} from "./onnx-protocol.ts";
import { explainSessionFailure, sessionOptions, unknownProvider } from "./onnx-provider.ts";
import { WorkerTurns } from "./onnx-turns.ts";
import { packSparseRows } from "./sparse-rows.ts";

type EmbedRequest = Extract<WorkerRequest, { kind: "embed" }>;
type Session = Onnxruntime.InferenceSession;

/** The ids of a short text in any vocabulary of BERT. */
const firstTokens = Int32Array.of(101, 2_000, 2_001, 2_002, 102);
const unitLengthSlack = 0.01;

const port = openWorkerPort();
yieldBy(port.settings.niceness);

const runtime = await loadRuntime(port.settings);
const session = await openSession(port.settings);

const turns = new WorkerTurns();
let working = false;
port.onRequest((request) => {
  turns.add(request);
  if (!working) void work();
});
port.reply({ kind: "ready" });
keepCompiled();

async function loadRuntime({ runtimeModule }: WorkerSettings): Promise<typeof Onnxruntime> {
  if (runtimeModule === undefined) return import("onnxruntime-node");
  return (await import(pathToFileURL(runtimeModule).href)) as typeof Onnxruntime;
}

async function openSession(settings: WorkerSettings): Promise<Session> {
  try {
    const opened = await createSession(settings);
    checkGraph(opened, settings.dimensions);
    if (settings.provider !== "cpu") await checkDevice(opened, settings);
    return opened;
  } catch (thrown) {
    return await port.refuse(thrown instanceof Error ? thrown : new Error(String(thrown)));
  }
}

/**
 * No other provider replaces the configured one: somebody who pays for a GPU wants to know.
 */
async function createSession({ graphFile, provider, threads }: WorkerSettings): Promise<Session> {
  const known = runtime.listSupportedBackends().map(({ name }) => name);
  const unknown = unknownProvider(provider, known);
  if (unknown !== undefined) throw new Error(unknown);
  try {
    return await runtime.InferenceSession.create(graphFile, sessionOptions(provider, threads));
  } catch (cause) {
    throw new Error(explainSessionFailure(provider, cause), { cause });
  }
}

/** A device that cannot run the graph says so at its first batch, and not before. */
async function checkDevice(opened: Session, { provider }: WorkerSettings): Promise<void> {
  let vector: Float32Array;
  try {
    vector = await vectorsOf(opened, packBatch([firstTokens], provider));
  } catch (cause) {
    throw new Error(explainSessionFailure(provider, cause), { cause });
  }
  const length = Math.hypot(...vector);
  if (Math.abs(length - 1) < unitLengthSlack) return;
  throw new Error(
    `${provider} makes vectors of length ${length} and not 1: ` +
      "set FRESHET_EMBED_PRECISION=fp32, or FRESHET_EMBED_PROVIDER=cpu",
  );
}

async function work(): Promise<void> {
  working = true;
  for (let next = turns.next(); next !== undefined; next = turns.next()) {
    if (next.kind === "close") {
      await session.release();
      return port.end();
    }
    await embed(next);
    // What was sent while the batch ran is heard before the next one is taken (OW4).
    await new Promise((resolve) => setImmediate(resolve));
  }
  working = false;
}

async function embed(request: EmbedRequest): Promise<void> {
  const { id } = request;
  try {
    const data = await vectorsOf(session, request);
    const { sparseTermsMax } = port.settings;
    const vectors =
      sparseTermsMax === undefined
        ? data
        : packSparseRows(data, { rows: request.rows, termsMax: sparseTermsMax });
    port.reply({ kind: "embedded", id, vectors }, [vectors.buffer]);
  } catch (error) {
    port.reply({ kind: "failed", id, message: messageOf(error) });
  }
}

async function vectorsOf(opened: Session, batch: PackedBatch): Promise<Float32Array<ArrayBuffer>> {
  const { ids, mask } = unpackBatch(batch);
  const dims = [batch.rows, batch.columns];
  const outputs = await opened.run({
    input_ids: new runtime.Tensor("int32", ids, dims),
    attention_mask: new runtime.Tensor("int32", mask, dims),
  });
  const data = outputs["embedding"]?.data;
  if (!(data instanceof Float32Array)) throw new Error("the graph returned no float32 embedding");
  // Copied, because the runtime owns its own buffer and it is not ours to transfer.
  return new Float32Array(data);
}

/** A graph of another kind is refused at the start, not at the first document. */
function checkGraph({ inputNames, outputNames, outputMetadata }: Session, dimensions: number) {
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

function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
