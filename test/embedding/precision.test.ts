import { describe, expect, it } from "vitest";
import { choosePrecision, cpuFlagsOf, graphVariantOf } from "../../src/embedding/precision.ts";

const withVnni = new Set(["avx2", "avx512f", "avx512_vnni"]);
const withShortVnni = new Set(["avx2", "avx_vnni"]);
const withAvx2 = new Set(["sse4_2", "avx2"]);
const unknown = new Set<string>();

describe("the precision of the embedding graph", () => {
  it("is int8 on a CPU with VNNI, in either width", () => {
    for (const cpuFlags of [withVnni, withShortVnni]) {
      expect(choosePrecision({ wanted: "auto", provider: "cpu", cpuFlags })).toBe("int8");
    }
  });

  it("is fp32 on a CPU without VNNI, and on one that does not say what it can", () => {
    for (const cpuFlags of [withAvx2, unknown]) {
      expect(choosePrecision({ wanted: "auto", provider: "cpu", cpuFlags })).toBe("fp32");
    }
  });

  it("is fp16 on a GPU, whatever the CPU beside it can", () => {
    for (const provider of ["cuda", "tensorrt", "webgpu"] as const) {
      for (const cpuFlags of [withVnni, unknown]) {
        expect(choosePrecision({ wanted: "auto", provider, cpuFlags })).toBe("fp16");
      }
    }
  });

  it("is the one asked for, also where another would be faster", () => {
    for (const wanted of ["fp32", "int8", "fp16"] as const) {
      for (const provider of ["cpu", "cuda", "tensorrt"] as const) {
        for (const cpuFlags of [withVnni, withAvx2]) {
          expect(choosePrecision({ wanted, provider, cpuFlags })).toBe(wanted);
        }
      }
    }
  });
});

describe("the graph of a provider", () => {
  it("has plain attention for WebGPU, which has no kernel of the fused one, and none in int8", () => {
    expect(graphVariantOf("fp16", "webgpu")).toBe("plain-fp16");
    expect(graphVariantOf("fp32", "webgpu")).toBe("plain-fp32");
    expect(graphVariantOf("int8", "webgpu")).toBeUndefined();
    for (const precision of ["fp32", "int8", "fp16"] as const) {
      for (const provider of ["cpu", "cuda", "tensorrt"] as const) {
        expect(graphVariantOf(precision, provider)).toBe(precision);
      }
    }
  });
});

describe("the flags in /proc/cpuinfo", () => {
  it("are whole words of the flags line, and not of the lines beside it", () => {
    const cpuinfo = [
      "processor\t: 0",
      "model name\t: A CPU with avx_vnni in its name",
      "flags\t\t: fpu avx2 avx512_vnni_like avx512f",
      "vmx flags\t: ept",
      "",
      "processor\t: 1",
      "flags\t\t: fpu",
      "",
    ].join("\n");
    expect(cpuFlagsOf(cpuinfo)).toEqual(new Set(["fpu", "avx2", "avx512_vnni_like", "avx512f"]));
  });

  it("are none where the text has no such line", () => {
    for (const text of ["", "Features\t: fp asimd\n", "flags\t\t:\n"]) {
      expect(cpuFlagsOf(text)).toEqual(new Set());
    }
  });
});
