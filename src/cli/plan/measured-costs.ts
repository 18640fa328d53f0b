/** What `freshet plan` reckons with: measured figures, with the bench and the row of each. */

import type { Costs } from "./capacity.ts";

export const measuredCosts: Costs = {
  // `embed.worker_vs_raw`: 139 a second on two cores with VNNI, int8.
  embedChunksPerCoreS: 70,
  // `growth.*`, on two cores without VNNI, about half as fast.
  documentCpuMs: 10,
  memoryQuestionCpuMs: 8,
  coldQuestionCpuMs: 20,
  // `hot.bytes_vs_raw`: 206,907,784 bytes of 50,000 chunks.
  hotBytesPerChunk: 4_138,
  logBytesPerChunk: 6_000,
  coldDiskBytesPerChunk: 8_000,
  // Weaviate's rule: twice the vector, 384 dimensions of four bytes.
  coldMemoryBytesPerChunk: 3_072,
  // `heads.bytes_per_entry` at 100k.
  headBytesPerDocument: 33,
  // `limits.engineBytesMax` counts 704 MiB of it for code, model and tensors.
  engineBytes: 738_197_504,
};
