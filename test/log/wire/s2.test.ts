import fc from "fast-check";
import { expect, it } from "vitest";
import { S2Decoder, s2Frames } from "../../../src/log/wire/s2.ts";

function decoded(bytes: Uint8Array, cuts: readonly number[] = []): Buffer {
  const decoder = new S2Decoder();
  const blocks: Buffer[] = [];
  let from = 0;
  for (const cut of [...cuts, bytes.length].sort((one, other) => one - other)) {
    blocks.push(...decoder.push(bytes.subarray(from, Math.max(from, cut))));
    from = Math.max(from, cut);
  }
  return Buffer.concat(blocks);
}

/** A frame as a server sends it: a block of the format, and the checksum of what it holds. */
function compressedFrame(block: readonly number[], content: string): Buffer {
  const [, plain = Buffer.alloc(0)] = [...s2Frames(Buffer.from(content), true)];
  const checksum = plain.subarray(4, 8);
  const head = Buffer.from([0x00, 0, 0, 0]);
  head.writeUIntLE(block.length + checksum.length, 1, 3);
  return Buffer.concat([head, checksum, Buffer.from(block)]);
}

it("what is framed comes back, wherever the connection cuts it", () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 300 }),
      fc.array(fc.nat({ max: 330 }), { maxLength: 4 }),
      (bytes, cuts) => {
        const stream = Buffer.concat([...s2Frames(bytes, true)]);
        expect(
          decoded(
            stream,
            cuts.filter((cut) => cut <= stream.length),
          ).equals(bytes),
        ).toBe(true);
      },
    ),
    { numRuns: 100 },
  );
});

it("copies, overlapping ones and the longer repeats of S2 are read", () => {
  const literal = [0x0c, ...Buffer.from("abcd")];
  // Of four bytes from four before; then the same offset again, 4 + 4 + 2 bytes.
  const copies = [0x01, 4, 0x15, 0, 2];
  const short = "abcd".repeat(2) + "abcdabcdab";
  expect(String(decoded(compressedFrame([short.length, ...literal, ...copies], short)))).toBe(
    short,
  );
  // A repeat of 256 + 4 + 1 bytes, and a copy of ten from nine before.
  const long = `${short}${"cdab".repeat(66)}`.slice(0, short.length + 261);
  const more = [0x19, 0, 1, 0];
  const all = long + long.slice(-9).repeat(2).slice(0, 10);
  const size = [(all.length & 127) | 128, all.length >> 7];
  const block = [...size, ...literal, ...copies, ...more, (9 << 2) | 2, 9, 0];
  expect(String(decoded(compressedFrame(block, all)))).toBe(all);
});

it("a byte that changed on the way is noticed, and so is a block that lies about its length", () => {
  const stream = Buffer.concat([...s2Frames(Buffer.from("a document"), true)]);
  stream[stream.length - 1] = 0;
  expect(() => decoded(stream)).toThrow(/checksum/);
  expect(() => decoded(compressedFrame([9, 0x0c, ...Buffer.from("abcd")], "abcd"))).toThrow(
    /another length/,
  );
  expect(() => decoded(compressedFrame([4, 0x01, 4], "abcd"))).toThrow(/a copy/);
});
