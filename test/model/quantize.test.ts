import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { quantizeColumns } from "../../ops/model/quantize.ts";

const inputs = 6;
const outputs = 4;
const weights = fc
  .float32Array({
    minLength: inputs * outputs,
    maxLength: inputs * outputs,
    min: -8,
    max: 8,
    noNaN: true,
  })
  .map((weight) => ({ inputs, outputs, weight, bias: new Float32Array(outputs) }));

describe("weights in int8", () => {
  it("are off by at most half a step of their own column", () => {
    fc.assert(
      fc.property(weights, (linear) => {
        const { values, scales } = quantizeColumns(linear);
        for (const [i, weight] of linear.weight.entries()) {
          const step = scales[i % outputs] ?? Number.NaN;
          expect(Math.abs((values[i] ?? 0) * step - weight)).toBeLessThanOrEqual(step * 0.5001);
        }
      }),
    );
  });

  it("stay within -127 and 127, so that no zero point is needed", () => {
    fc.assert(
      fc.property(weights, (linear) => {
        for (const value of quantizeColumns(linear).values) expect(value).not.toBe(-128);
      }),
    );
  });

  it("use the whole range of each column, however small its weights", () => {
    const weight = Float32Array.from({ length: inputs * outputs }, (_, i) =>
      i % outputs === 0 ? 100 - i : (i + 1) / 1e6,
    );
    const { values } = quantizeColumns({
      inputs,
      outputs,
      weight,
      bias: new Float32Array(outputs),
    });
    for (let column = 0; column < outputs; column++) {
      const peak = Math.max(...values.filter((_, i) => i % outputs === column).map(Math.abs));
      expect(peak).toBe(127);
    }
  });
});
