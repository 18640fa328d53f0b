import { expect, it } from "vitest";
import { LeaseProofs } from "../../actors/partition/lease-proofs.ts";
import { FreshetError } from "../../src/contract/errors.ts";
import type { Epoch, Partition } from "../../src/contract/ids.ts";
import { createManualClock, settle } from "../support/manual-clock.ts";
import { codeOf } from "../support/promises.ts";

const partition = 3 as Partition;
const epoch = 7 as Epoch;

/** Reads that are answered by hand, in the order in which they were sent. */
function setUp() {
  const clock = createManualClock();
  const reads: PromiseWithResolvers<Epoch | null>[] = [];
  const lost: Epoch[] = [];
  const proofs = new LeaseProofs({
    leases: {
      epochOf: () => {
        const read = Promise.withResolvers<Epoch | null>();
        reads.push(read);
        return read.promise;
      },
    },
    clock,
    ...{ askAgainMs: 100, patienceMs: 500 },
    onLost: (_partition, under) => lost.push(under),
  });
  return {
    clock,
    reads,
    lost,
    prove: (signal?: AbortSignal) => proofs.prove({ partition, epoch }, signal),
  };
}

it("LP1, LP2: who asks while a read is under way is served by the next one, and all of them share it", async () => {
  const { reads, prove } = setUp();
  const first = prove();
  const others = Promise.allSettled([prove(), prove(), prove()]);
  await settle();
  expect(reads).toHaveLength(1);
  reads[0]?.resolve(epoch);
  await first;
  await settle();
  expect(reads).toHaveLength(2);
  // What the first read saw is not believed for them.
  reads[1]?.resolve(9 as Epoch);
  const outcomes = await others;
  expect(outcomes.map(({ status }) => status)).toEqual(["rejected", "rejected", "rejected"]);
  await settle();
  expect(reads).toHaveLength(2);
});

it.each([8 as Epoch, 6 as Epoch, null])(
  "a lease under epoch %s is not this node's: not_ready, and the partition hears of it",
  async (found) => {
    const { reads, lost, prove } = setUp();
    const asked = codeOf(prove());
    reads[0]?.resolve(found);
    expect(await asked).toBe("not_ready");
    expect(lost).toEqual([epoch]);
  },
);

it("LP3: a lost answer delays no caller: the lease is read again, until patience ends", async () => {
  const { clock, reads, lost, prove } = setUp();
  const served = prove();
  await clock.advance(110);
  expect(reads).toHaveLength(2);
  reads[1]?.resolve(epoch);
  await served;
  // The first answer arrives after all: no caller waits for it any more.
  reads[0]?.resolve(9 as Epoch);
  const asked = codeOf(prove());
  await clock.advance(1_000);
  expect(await asked).toBe("log_unavailable");
  expect(reads.length).toBeLessThan(9);
  expect(lost).toEqual([]);
  expect(clock.sleeping).toBe(0);
});

it("what will not get better by waiting is not asked again", async () => {
  const { reads, prove } = setUp();
  const asked = codeOf(prove());
  reads[0]?.reject(new FreshetError("log_identity"));
  expect(await asked).toBe("log_identity");
  await settle();
  expect(reads).toHaveLength(1);
});

it("a caller who goes is not kept, and a later one is served", async () => {
  const { reads, prove } = setUp();
  const caller = new AbortController();
  const gone = codeOf(prove(caller.signal));
  const stays = prove();
  caller.abort();
  expect(await gone).toBe("cancelled");
  reads[0]?.resolve(epoch);
  await settle();
  reads[1]?.resolve(epoch);
  await stays;
});
