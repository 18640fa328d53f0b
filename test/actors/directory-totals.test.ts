import fc from "fast-check";
import { expect, it } from "vitest";
import {
  Directory,
  memoryOf,
  recoveringStatus,
  type TenantEntry,
  type ViewStatus,
} from "../../actors/directory/directory.ts";
import type { TenantId } from "../../src/contract/ids.ts";

const amount = (bytes: number) => ({ documents: 1, chunks: 1, bytes });
const statusOf = (hot: number, kept: number): ViewStatus => ({
  ...recoveringStatus,
  hot: amount(hot),
  kept: amount(kept),
});

const tenant = fc.nat(5).map((index) => `tenant-${index}` as TenantId);
const bytes = fc.oneof(fc.constant(0), fc.double({ min: 0, max: 1e6, noNaN: true }));
const steps = fc.array(
  fc.oneof(
    fc.record({ kind: fc.constant("list" as const), tenant, bytes }),
    fc.record({ kind: fc.constant("change" as const), tenant, bytes, kept: bytes }),
    fc.record({ kind: fc.constant("delete" as const), tenant }),
    fc.record({ kind: fc.constant("clear" as const), tenant }),
    // A view of an entry that is listed no more still ends, and writes its last status.
    fc.record({ kind: fc.constant("end" as const), tenant }),
  ),
  { maxLength: 60 },
);

it("CN1: the totals are those of the tenants that are listed, by the status that each has now", () => {
  fc.assert(
    fc.property(steps, (all) => {
      const directory = new Directory(2);
      const everListed: TenantEntry[] = [];
      for (const step of all) {
        const { tenants } = directory.partitionOf(step.tenant);
        if (step.kind === "list") {
          const entry = { tenant: step.tenant, status: statusOf(step.bytes, 0) } as TenantEntry;
          everListed.push(entry);
          tenants.set(step.tenant, entry);
        }
        const listed = tenants.get(step.tenant);
        if (step.kind === "change" && listed) listed.status = statusOf(step.bytes, step.kept);
        if (step.kind === "delete") tenants.delete(step.tenant);
        if (step.kind === "clear") tenants.clear();
        if (step.kind === "end") {
          for (const entry of everListed) {
            if (entry.tenant === step.tenant) entry.status = recoveringStatus;
          }
        }
        const statuses = [...directory.tenants()].map(({ status }) => status);
        const totals = directory.hotTotals();
        const sum = (of: (status: ViewStatus) => number) =>
          statuses.reduce((total, status) => total + of(status), 0);
        expect(totals.bytes).toBeCloseTo(sum(memoryOf), 3);
        expect(totals.keptBytes).toBeCloseTo(
          sum((status) => status.kept.bytes),
          3,
        );
        expect(totals.tenants).toBe(statuses.filter((status) => memoryOf(status) > 0).length);
      }
    }),
  );
});
