import fc from "fast-check";
import { expect, it } from "vitest";
import { padTokensTo } from "../../src/embedding/batching.ts";
import { packBatch, unpackBatch } from "../../src/embedding/onnx-protocol.ts";

const texts = fc.array(fc.int32Array({ min: 1, max: 30_521, minLength: 1, maxLength: 70 }), {
  minLength: 1,
  maxLength: 12,
});

it("packs every id in its row, with a mask that is 1 exactly where there is a token", () => {
  fc.assert(
    fc.property(texts, (batch) => {
      const packed = packBatch(batch, "cpu");
      const { ids, mask } = unpackBatch(packed);
      for (const [row, tokens] of batch.entries()) {
        const start = row * packed.columns;
        const padding = packed.columns - tokens.length;
        expect(ids.slice(start, start + tokens.length)).toEqual(tokens);
        expect([...mask.slice(start, start + packed.columns)]).toEqual([
          ...new Array<number>(tokens.length).fill(1),
          ...new Array<number>(padding).fill(0),
        ]);
      }
    }),
  );
});

it("pads to the longest text of the batch, rounded up, and not to a fixed length", () => {
  fc.assert(
    fc.property(texts, fc.constantFrom("cpu", "webgpu"), (batch, provider) => {
      fc.pre(batch.length > 1 || provider !== "cpu");
      const longest = Math.max(...batch.map((tokens) => tokens.length));
      const { columns, rows } = packBatch(batch, provider);
      expect(rows).toBe(batch.length);
      expect(columns % padTokensTo).toBe(0);
      expect(columns - longest).toBeGreaterThanOrEqual(0);
      expect(columns - longest).toBeLessThan(padTokensTo);
    }),
  );
});

it("a text alone costs a CPU no padding", () => {
  fc.assert(
    fc.property(texts, ([text = Int32Array.of(1)]) => {
      expect(packBatch([text], "cpu")).toMatchObject({ rows: 1, columns: text.length });
    }),
  );
});
