/**
 * How a graph is run by each execution provider of onnxruntime, and what to do when one is not
 * there. Pure.
 *
 * The npm package of onnxruntime holds the CPU provider and, on Linux x64, WebGPU, which takes a
 * Vulkan loader and driver from the system. CUDA is set up beside a copy of the package
 * (`ops/setup`). The binding passes `deviceId` on and nothing else, so TensorRT builds its engines
 * anew at each start: its cache can not be switched on from here.
 */

import type { InferenceSession } from "onnxruntime-node";
import type { EmbedProvider } from "./precision.ts";

/**
 * `cpu` is never listed beside another: onnxruntime runs there what a provider lacks, but not
 * everything.
 */
const sessionProviders = {
  cpu: ["cpu"],
  cuda: [{ name: "cuda", deviceId: 0 }],
  tensorrt: [
    { name: "tensorrt", deviceId: 0 },
    { name: "cuda", deviceId: 0 },
  ],
  webgpu: ["webgpu"],
} as const satisfies Record<EmbedProvider, readonly InferenceSession.ExecutionProviderConfig[]>;

/**
 * Threads of a run wait for the next operator awake, for at most so long: an operator takes about
 * that, and going to sleep between two cost a short batch a sixth of its time. By default they stay
 * awake for far longer, also after the batch, and burn the cores that the main thread and the other
 * lane need.
 */
export const shortSpin = { allow_spinning: "1", spin_duration_us: "50" };

/** @param threads inside one run on the CPU; for a GPU one thread hands over the work */
export function sessionOptions(
  provider: EmbedProvider,
  threads: number,
): InferenceSession.SessionOptions {
  return {
    executionProviders: sessionProviders[provider],
    executionMode: "sequential",
    graphOptimizationLevel: "all",
    intraOpNumThreads: provider === "cpu" ? threads : 1,
    interOpNumThreads: 1,
    enableCpuMemArena: true,
    enableMemPattern: true,
    // Warnings of the runtime would go to standard error past our logger; errors are thrown anyway.
    logSeverityLevel: 3,
    extra: { session: { intra_op: shortSpin, inter_op: { allow_spinning: "0" } } },
  };
}

/**
 * Asked before a session is made, because onnxruntime leaves a provider that its binding does not
 * know out of the list, with a warning, and uses the others.
 * @param known the names that the binding lists
 * @returns undefined when all that `provider` needs are known
 */
export function unknownProvider(
  provider: EmbedProvider,
  known: readonly string[],
): string | undefined {
  const needed = provider === "tensorrt" ? ["tensorrt", "cuda"] : [provider];
  const missing = needed.find((name) => !known.includes(name));
  if (missing === undefined) return undefined;
  const system = `onnxruntime has no ${missing} for this system (${known.join(", ")})`;
  return `${system}: set FRESHET_EMBED_PROVIDER=cpu`;
}

/**
 * As onnxruntime spells it when a provider's library, a library of NVIDIA, a driver or a GPU is not
 * there.
 */
const providerFailure =
  /AppendExecutionProvider|CUDA|CUDNN|CUBLAS|TensorRT|Failed to load shared library|WebGPU|Vulkan|adapter/i;

/** What a provider takes from its machine. */
const needs: Readonly<Record<Exclude<EmbedProvider, "cpu">, string>> = {
  cuda:
    "an NVIDIA GPU with a driver for CUDA 13 (libcuda.so.1), and onnxruntime's CUDA libraries " +
    "(ops/node node ops/setup/main.ts --gpu)",
  tensorrt:
    "an NVIDIA GPU with TensorRT 10, CUDA and cuDNN 9, and onnxruntime's libraries for both " +
    "(ONNXRUNTIME_NODE_INSTALL=cuda12 npm rebuild onnxruntime-node)",
  webgpu:
    "a Vulkan loader and a Vulkan 1.3 driver of the GPU (Debian: apt-get install libvulkan1, and " +
    "the driver's package: nvidia-vulkan-icd, or mesa-vulkan-drivers 25 or newer)",
};

/** Where in the runtime's source it was found: before what is said of it, and after. */
const sourceOfFailure =
  /^\S+\.cc:\d+ (?:.*? was false\. |.*?(?=(?:CUDA|CUDNN|CUBLAS) failure ))| ?; ?GPU=.*$/g;

/** One line about a session that could not be made, and what to do where that is known. */
export function explainSessionFailure(provider: EmbedProvider, thrown: unknown): string {
  const reason = (thrown instanceof Error ? thrown.message : String(thrown))
    .replaceAll(/\s+/g, " ")
    .replaceAll(sourceOfFailure, "")
    .trim();
  if (provider === "cpu" || !providerFailure.test(reason)) return reason;
  return (
    `FRESHET_EMBED_PROVIDER is ${provider}, which cannot be used here (${reason}): ` +
    `it takes ${needs[provider]}; or set FRESHET_EMBED_PROVIDER=cpu`
  );
}
