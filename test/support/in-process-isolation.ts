/** Isolation without a process: the same steps, for tests in which nothing dies of them. */

import type { Embedder } from "../../src/embedding/port.ts";
import type { Isolation } from "../../src/ingest/isolation/port.ts";
import { processOperation } from "../../src/ingest/pipeline.ts";
import type { Preparer } from "../../src/ingest/preparer.ts";

export function inProcessIsolation(options: {
  readonly prepare: Preparer;
  readonly embedder: Embedder;
  readonly documentTextBytesMax: number;
}): Pick<Isolation, "process"> {
  const { prepare, embedder, documentTextBytesMax } = options;
  return {
    process: (payload) =>
      processOperation(payload, {
        ...{ prepare, documentTextBytesMax },
        embed: (inputs) => embedder.embed(inputs, { lane: "ingest" }),
        named: () => {},
      }),
  };
}
