/** The pool over two real embed servers: what every embedder must do, and what only a pool can. */

import { afterAll, describe, expect, it } from "vitest";
import { createRemoteEmbedder } from "../../src/embedding/remote.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import { startEmbedServerProcess } from "../support/embed-server-process.ts";
import { describeEmbedder, sampleInputs } from "./conformance.ts";
import { modelDirectory } from "./model-files.ts";
import { dot, readReference } from "./reference/reference.ts";

const model = { name: "all-MiniLM-L6-v2", dimensions: 384, maxTokens: 256 };
const env = { FRESHET_MODEL_DIR: modelDirectory() };
const starting = Promise.all([startEmbedServerProcess(env), startEmbedServerProcess(env)]);
starting.catch(() => {});

afterAll(async () => {
  for (const server of await starting) await server.stop();
});

async function open() {
  const url = (await starting).map((server) => server.url).join();
  return createRemoteEmbedder({ url, model, clock: systemClock, random: Math.random });
}

describeEmbedder("a pool of two embed servers", open);

describe("a pool of two embed servers", () => {
  it("makes the vectors of the reference, and of what is killed in the midst nothing is lost", async () => {
    const [first] = await starting;
    const embedder = await open();
    const works = Array.from({ length: 40 }, () =>
      embedder.embed(sampleInputs, { lane: "ingest" }),
    );
    await Promise.race(works);
    await first?.kill9();
    const reference = readReference();
    for (const vectors of await Promise.all(works)) {
      const cosines = vectors.map((vector, index) => dot(vector, reference[index]?.vector ?? []));
      // One is longer than the model takes, and is cut at the end of a piece, not of a token.
      expect(Math.min(...cosines)).toBeGreaterThan(0.97);
      expect(cosines.filter((cosine) => cosine > 0.99).length).toBeGreaterThan(cosines.length / 2);
    }
    await embedder.close();
  });
});
