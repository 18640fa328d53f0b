import fc from "fast-check";
import { expect, it } from "vitest";
import type { Position, Version } from "../../../src/contract/ids.ts";
import { replayHeaders, replayIn } from "../../../src/log/wire/replay.ts";

const sequence = fc.nat({ max: Number.MAX_SAFE_INTEGER });

it("a replay comes back as it was sent", () => {
  fc.assert(
    fc.property(sequence, sequence, (of, after) => {
      const replay = { of: of as Version, after: after as Position };
      const headers = replayHeaders(replay);
      expect(replayIn((name) => headers[name])).toEqual({ replay });
    }),
  );
});

it("I3: headers that are no numbers make a replay of the beginning, which any record voids", () => {
  const broken = fc.string({ minLength: 1 }).filter((text) => !/^\d{1,16}$/.test(text));
  fc.assert(
    fc.property(broken, (text) => {
      expect(replayIn(() => text)).toEqual({ replay: { of: 0, after: 0 } });
    }),
  );
  expect(replayIn(() => undefined)).toEqual({});
});
