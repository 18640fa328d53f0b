import { describe, expect, it } from "vitest";
import { limits } from "../../src/contract/limits.ts";
import { batchSizeOf } from "../../src/embedding/batch-size.ts";
import {
  explainSessionFailure,
  sessionOptions,
  unknownProvider,
} from "../../src/embedding/onnx-provider.ts";
import type { EmbedProvider } from "../../src/embedding/precision.ts";

const names = (provider: EmbedProvider) =>
  sessionOptions(provider, 4).executionProviders?.map((entry) =>
    typeof entry === "string" ? entry : entry.name,
  );

describe("an execution provider", () => {
  it("never has the CPU beside it, which would stand in for all of it", () => {
    expect(names("cpu")).toEqual(["cpu"]);
    expect(names("cuda")).toEqual(["cuda"]);
    expect(names("tensorrt")).toEqual(["tensorrt", "cuda"]);
    expect(names("webgpu")).toEqual(["webgpu"]);
  });

  it("takes the configured threads on a CPU, and one to feed a GPU", () => {
    expect(sessionOptions("cpu", 4).intraOpNumThreads).toBe(4);
    expect(sessionOptions("cuda", 4).intraOpNumThreads).toBe(1);
  });

  it("is refused before the start when the binding does not know it, or what it needs", () => {
    expect(unknownProvider("cpu", ["cpu"])).toBeUndefined();
    expect(unknownProvider("tensorrt", ["cpu", "cuda", "tensorrt"])).toBeUndefined();
    expect(unknownProvider("tensorrt", ["cpu", "tensorrt"])).toContain("has no cuda");
    expect(unknownProvider("cuda", ["cpu", "webgpu"])).toBe(
      "onnxruntime has no cuda for this system (cpu, webgpu): set FRESHET_EMBED_PROVIDER=cpu",
    );
  });

  it.each([
    "OrtSessionOptionsAppendExecutionProvider_Cuda: Failed to load shared library",
    "CUDA failure 100: no CUDA-capable device is detected ;\n GPU=0",
    "CUDNN failure 1: CUDNN_STATUS_NOT_INITIALIZED",
  ])("that fails with %j is explained in one line that says what to do", (message) => {
    const line = explainSessionFailure("cuda", new Error(message));
    expect(line).toContain(message.slice(0, 20));
    expect(line).toContain("FRESHET_EMBED_PROVIDER=cpu");
    expect(line).not.toContain("\n");
  });

  it("is explained by what failed, and not by where in the runtime's source", () => {
    const adapter =
      "/onnxruntime_src/a/webgpu_context.cc:136 a::Initialize(const b&)::<lambda()> " +
      "result.status == c::Success was false. Failed to get a WebGPU adapter: No supported adapters ";
    const webgpu = explainSessionFailure("webgpu", new Error(adapter));
    expect(webgpu).toContain(
      "here (Failed to get a WebGPU adapter: No supported adapters): it takes",
    );
    expect(webgpu).toContain("libvulkan1");
    const call =
      "/onnxruntime_src/b/cuda_call.cc:154 void d::CudaCall(int) [with E = f] CUDA failure 35: " +
      "CUDA driver version is insufficient for CUDA runtime version ; GPU=-1 ; hostname=vm ; line=352";
    expect(explainSessionFailure("cuda", new Error(call))).toContain(
      "here (CUDA failure 35: CUDA driver version is insufficient for CUDA runtime version): it takes",
    );
  });

  it("is not blamed for a graph that cannot be read", () => {
    const message = "Load model from /a/b.onnx failed:Protobuf parsing failed.";
    expect(explainSessionFailure("cuda", new Error(message))).toBe(message);
    expect(explainSessionFailure("cpu", new Error("CUDA failure 100"))).toBe("CUDA failure 100");
  });
});

describe("an embed batch", () => {
  it("is bigger on a GPU, and one request for an endpoint", () => {
    const [cpu, gpu, remote] = [batchSizeOf("cpu"), batchSizeOf("cuda"), batchSizeOf("remote")];
    expect(gpu.paddedTokensMax).toBeGreaterThan(cpu.paddedTokensMax);
    expect(gpu.itemsMax).toBeGreaterThan(cpu.itemsMax);
    expect(batchSizeOf("tensorrt")).toEqual(gpu);
    expect(batchSizeOf("webgpu")).toEqual(gpu);
    expect(remote.itemsMax).toBe(limits.embedRemoteInputsMax);
    expect(remote.inFlightMax).toBe(limits.embedRemoteIngestInFlightMax);
  });
});
