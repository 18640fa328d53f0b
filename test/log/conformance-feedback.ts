/** What every adapter does with feedback. */

import { describe, expect, it } from "vitest";
import { limits } from "../../src/contract/limits.ts";
import type { Opened } from "./harness.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export function describeFeedback(opened: Opened): void {
  describe("feedback", () => {
    it("is read in order, page by page, of its tenant alone (FB1, FB2)", async () => {
      const { log, other } = opened.harness;
      const [tenant, beside] = [opened.tenant(), opened.tenant()];
      expect(await log.feedback.read({ tenant, after: 0, max: 10 })).toEqual([]);
      const seqs: number[] = [];
      for (let count = 0; count < 7; count += 1) {
        const { feedback } = count % 2 === 0 ? log : other;
        seqs.push(await feedback.append(tenant, encoder.encode(`said ${count}`)));
        await feedback.append(beside, encoder.encode("beside"));
      }
      const read: string[] = [];
      for (let after = 0; ; ) {
        const page = await other.feedback.read({ tenant, after, max: 3 });
        read.push(...page.map(({ seq, data }) => `${seqs.indexOf(seq)} ${decoder.decode(data)}`));
        if (page.length < 3) break;
        after = page.at(-1)?.seq ?? 0;
      }
      expect(read).toEqual(seqs.map((_, count) => `${count} said ${count}`));
      const [first] = await log.feedback.read({ tenant, after: 0, max: 1 });
      expect(Math.abs((first?.atMs ?? 0) - (await log.nowMs()))).toBeLessThan(600_000);
    });

    it("of a tenant that says too much leaves from its own beginning (FB1)", async () => {
      const { log } = opened.harness;
      const [tenant, beside] = [opened.tenant(), opened.tenant()];
      await log.feedback.append(beside, encoder.encode("stays"));
      const first = await log.feedback.append(tenant, encoder.encode("goes"));
      const data = encoder.encode("more");
      for (let left = limits.feedbackPerTenantMax; left > 0; left -= 100) {
        await Promise.all(Array.from({ length: 100 }, () => log.feedback.append(tenant, data)));
      }
      const [oldest] = await log.feedback.read({ tenant, after: 0, max: 1 });
      expect(oldest?.seq).toBeGreaterThan(first);
      expect(await log.feedback.read({ tenant: beside, after: 0, max: 5 })).toHaveLength(1);
    });
  });
}
