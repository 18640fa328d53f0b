/** What `freshet plan` reckons with: measured figures, with the bench and the row of each. */

import type { Costs } from "./capacity.ts";

export const measuredCosts: Costs = {
  // `embed.worker_vs_raw`: 139 a second on two cores with VNNI, int8.
  embedChunksPerCoreS: 70,
  // `pipeline.vs_raw_embedding`.
  embeddingShare: 0.933,
  // On two cores without VNNI, about half as fast: the engine of the bench `traces`, and
  // `growth.question_cpu_ms.10k`.
  memoryQuestionCpuMs: 17.8,
  coldQuestionCpuMs: 33.3,
  // `hot.bytes_vs_raw`: 206,907,784 bytes of 50,000 chunks.
  hotBytesPerChunk: 4_138,
  // `growth.log_disk_bytes_per_chunk.10k`, `growth.cold_disk_bytes_per_chunk.10k`.
  logBytesPerChunk: 2_574,
  coldDiskBytesPerChunk: 3_612,
  // Weaviate's rule: twice the vector, 384 dimensions of four bytes.
  coldMemoryBytesPerChunk: 3_072,
  // `heads.bytes_per_entry` at 100k.
  headBytesPerDocument: 33,
  // `limits.engineBytesMax` counts 704 MiB of it for code, model and tensors.
  engineBytes: 738_197_504,
};
