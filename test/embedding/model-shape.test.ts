import { describe, expect, it } from "vitest";
import { limits } from "../../src/contract/limits.ts";
import { modelShapeOf } from "../../src/embedding/model-shape.ts";

const sources = { name: "m", modelDir: "/models/m", dimensions: undefined };
const configJson = JSON.stringify({ hidden_size: 768, max_position_embeddings: 512, layers: 12 });

function failure(from: Parameters<typeof modelShapeOf>[0]): unknown {
  try {
    return modelShapeOf(from);
  } catch (thrown) {
    return thrown;
  }
}

describe("the shape of an embedding model", () => {
  it("is what its config.json says, with chunks no longer than the model reads", () => {
    const maxTokens = limits.chunkTokensMax;
    expect(modelShapeOf({ ...sources, configJson })).toEqual({
      name: "m",
      dimensions: 768,
      maxTokens,
    });
    const short = JSON.stringify({ hidden_size: 32, max_position_embeddings: 64 });
    expect(modelShapeOf({ ...sources, configJson: short })).toMatchObject({ maxTokens: 64 });
  });

  it("has the configured dimensions where there are some, with or without a file", () => {
    const configured = { ...sources, dimensions: 1_024 };
    expect(modelShapeOf({ ...configured, configJson }).dimensions).toBe(1_024);
    expect(modelShapeOf({ ...configured, configJson: undefined })).toEqual({
      name: "m",
      dimensions: 1_024,
      maxTokens: limits.chunkTokensMax,
    });
  });

  it("is not guessed when nothing says it: the error names the folder and the settings", () => {
    expect(failure({ ...sources, configJson: undefined })).toMatchObject({
      code: "embedding_unavailable",
      message:
        "no config.json of an embedding model in /models/m: run ops/start once, or set FRESHET_MODEL_DIR or " +
        "FRESHET_EMBED_DIMENSIONS",
    });
    for (const json of ["", "not json", "[]", '{"hidden_size": 0}', '{"hidden_size": "384"}']) {
      expect(failure({ ...sources, configJson: json })).toMatchObject({
        message: expect.stringContaining("does not say hidden_size"),
      });
    }
  });
});
