import { describe, expect, it } from "vitest";
import { readSetupOptions } from "../../ops/setup/options.ts";
import { readPins } from "../../ops/setup/versions.ts";

const models = ["all-MiniLM-L6-v2", "e5-small-v2"];

describe("the set-up's options", () => {
  it("name nothing by default: then all is installed", () => {
    expect(readSetupOptions([], models)).toEqual({ sparse: false, gpu: false, model: undefined });
  });

  it("take the sparse signal and a model that is known", () => {
    expect(readSetupOptions(["--sparse", "--model", "e5-small-v2"], models)).toEqual({
      ...{ sparse: true, gpu: false, model: "e5-small-v2" },
    });
  });

  it("refuse a model that is not known, with usage's exit code", () => {
    const read = () => readSetupOptions(["--model", "gpt"], models);
    expect(read).toThrow(expect.objectContaining({ exitCode: 2 }));
  });
});

describe("the pinned encoders", () => {
  it("say all that the compiler and the engine have to know", () => {
    const { encoders } = readPins();
    expect(Object.keys(encoders)).toEqual(["bge-small-en-v1.5", "e5-small-v2"]);
    for (const { files, config } of Object.values(encoders)) {
      expect(files.map(({ as }) => as)).toEqual(["model.onnx", "tokenizer.json"]);
      expect(config).toMatchObject({ model_type: "bert", hidden_size: 384 });
    }
  });
});
