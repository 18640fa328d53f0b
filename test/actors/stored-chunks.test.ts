import { expect, it } from "vitest";
import { recoveringStatus, type ViewStatus } from "../../actors/directory/directory.ts";
import { StoredChunks } from "../../actors/directory/stored-chunks.ts";
import { FreshetError } from "../../src/contract/errors.ts";
import { tenantId } from "../../src/contract/ids.ts";
import { limits } from "../../src/contract/limits.ts";
import { createManualClock, settle } from "../support/manual-clock.ts";

const acme = tenantId("acme");
const amount = (chunks: number) => ({ documents: chunks, chunks, bytes: 0 });
const statusOf = (changed: Partial<ViewStatus>): ViewStatus => ({
  ...{ ...recoveringStatus, hot: amount(7), kept: amount(5) },
  ...changed,
});

it("counts memory alone while it holds the whole tenant, and asks cold nothing", () => {
  const cold = { count: () => Promise.reject(new Error("it was asked")) };
  const stored = new StoredChunks(cold, createManualClock());
  expect(stored.of(acme, statusOf({ watermark: 0 }))).toBe(12);
  expect(stored.of(acme, statusOf({ watermark: 9, isResident: true }))).toBe(12);
});

it("asks cold once after each merge and adds what is not merged; until the answer the larger holds", async () => {
  let inCold = 100;
  let asked = 0;
  const cold = {
    count: async () => {
      asked += 1;
      return inCold;
    },
  };
  const clock = createManualClock();
  const stored = new StoredChunks(cold, clock);
  const after = (watermark: number, unmergedChunks: number) =>
    stored.of(acme, statusOf({ watermark, unmergedChunks }));
  expect(after(9, 20)).toBe(20);
  await settle();
  expect(after(9, 20)).toBe(120);
  expect(after(9, 30)).toBe(130);
  inCold = 125;
  expect(after(20, 0)).toBe(130);
  await clock.advance(limits.storedChunksEveryMs);
  expect(after(20, 0)).toBe(130);
  await settle();
  expect(after(20, 0)).toBe(125);
  expect(asked).toBe(2);
});

function coldThatIsAway() {
  const cold = {
    isAway: true,
    count: async () => {
      if (cold.isAway) throw new FreshetError("cold_unavailable");
      return 50;
    },
  };
  return cold;
}

it("keeps what it knows while cold is away, and asks again", async () => {
  const cold = coldThatIsAway();
  const stored = new StoredChunks(cold, createManualClock());
  const status = statusOf({ watermark: 9, unmergedChunks: 3 });
  expect(stored.of(acme, status)).toBe(3);
  await settle();
  cold.isAway = false;
  expect(stored.of(acme, status)).toBe(3);
  await settle();
  expect(stored.of(acme, status)).toBe(53);
});

it("has cold asked before it tells who looks, and says so where cold is away", async () => {
  const cold = coldThatIsAway();
  const stored = new StoredChunks(cold, createManualClock());
  const status = statusOf({ watermark: 9, unmergedChunks: 3 });
  await expect(stored.counted(acme, status)).rejects.toMatchObject({ code: "cold_unavailable" });
  cold.isAway = false;
  expect(await stored.counted(acme, status)).toBe(53);
  cold.isAway = true;
  expect(await stored.counted(acme, statusOf({ watermark: 9, unmergedChunks: 4 }))).toBe(54);
});
