/**
 * In which arithmetic the embedding graph runs on this machine. Pure: the caller reads
 * `/proc/cpuinfo`.
 *
 * int8 pays on a CPU with VNNI, whose instructions multiply unsigned by signed bytes and add in 32
 * bits. On AVX2 alone the gain is small (1.08x, onnxruntime issue 6695) and sums saturate at 16
 * bits, so the same text gets another vector (onnxruntime issue 14642). A GPU has no such operators
 * but computes fp16 at full rate.
 */

export type Precision = "fp32" | "int8" | "fp16";

/** What runs the graph: onnxruntime's execution provider. */
export type EmbedProvider = "cpu" | "cuda" | "tensorrt" | "webgpu";

/** A precision, and whether attention is one fused operator, or plain products and a softmax. */
export type GraphVariant = Precision | "plain-fp32" | "plain-fp16";

/** In the order in which a person should read them. */
export const embedProviders = [
  "cpu",
  "cuda",
  "tensorrt",
  "webgpu",
] as const satisfies EmbedProvider[];

export interface PrecisionRequest {
  /** A precision by name is what its user gets, fast here or not. */
  readonly wanted: Precision | "auto";
  readonly provider: EmbedProvider;
  /** As the kernel spells them; empty where it does not say (not Linux, not x86). */
  readonly cpuFlags: ReadonlySet<string>;
}

/** The 512-bit form and the shorter one, which CPUs without AVX-512 have. */
const vnniFlags = ["avx512_vnni", "avx_vnni"];

export function choosePrecision({ wanted, provider, cpuFlags }: PrecisionRequest): Precision {
  if (wanted !== "auto") return wanted;
  switch (provider) {
    case "cuda":
    case "tensorrt":
    case "webgpu":
      return "fp16";
    case "cpu":
      return vnniFlags.some((flag) => cpuFlags.has(flag)) ? "int8" : "fp32";
  }
}

/**
 * WebGPU has no kernel for the fused attention that is told the lengths of rows: six detours over
 * the CPU in each run. Nor has it one for products in int8.
 * @returns undefined where the provider has no graph of the precision
 */
export function graphVariantOf(
  precision: Precision,
  provider: EmbedProvider,
): GraphVariant | undefined {
  if (provider !== "webgpu") return precision;
  return precision === "int8" ? undefined : `plain-${precision}`;
}

/** The flags of the first processor in the text of `/proc/cpuinfo`; none when it lists none. */
export function cpuFlagsOf(cpuinfo: string): ReadonlySet<string> {
  const flags = /^flags\s*:(.*)$/m.exec(cpuinfo)?.[1] ?? "";
  return new Set(flags.split(/\s+/).filter((flag) => flag !== ""));
}
