/** What every adapter of the audit port must do (AP1 to AP3). */

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { sealBlock } from "../../src/contract/audit-chain.ts";
import type { AuditLog, AuditMessage, AuditTail } from "../../src/log/audit-port.ts";
import { checkOf } from "./audit-kit.ts";

interface AuditHarness {
  readonly audit: AuditLog;
  close(): Promise<void>;
}

const entry = { at: 1, times: 1, credential: "none", surface: "engine", outcome: "ok" } as const;

function nextOf(chain: string, { newest }: AuditTail) {
  const previous = newest && { hash: newest.block.hash, seq: newest.seq, at: newest.block.at };
  const number = (newest?.block.number ?? 0) + 1;
  const entries = [{ ...entry, operation: "start" as const }];
  return sealBlock({ chain, writer: "kit", number, at: Date.now(), previous, entries }, undefined);
}

export function describeAudit(name: string, open: () => Promise<AuditHarness>): void {
  describe(`the audit trail in ${name}`, () => {
    let harness: AuditHarness;
    beforeAll(async () => {
      harness = await open();
      expect(await harness.audit.ensure()).toBe(true);
    });
    afterAll(async () => harness.close());

    const messagesOf = async (chain?: string): Promise<AuditMessage[]> => {
      const messages: AuditMessage[] = [];
      for await (const message of harness.audit.read(chain)) messages.push(message);
      return messages;
    };

    it("begins empty, and ensuring it again changes nothing", async () => {
      expect(await messagesOf()).toEqual([]);
      expect(await harness.audit.tail("node")).toEqual({ newest: null, seq: 0 });
      expect(await harness.audit.ensure()).toBe(true);
    });

    it("appends only after the message that is expected (AP1)", async () => {
      const { audit } = harness;
      // A name with characters that a subject's token may not have.
      const chain = "host.example-8787";
      const first = nextOf(chain, await audit.tail(chain));
      const seq = await audit.append({ chain, data: first.data, expectedLast: 0 });
      expect(seq).not.toBeNull();
      expect(await audit.append({ chain, data: first.data, expectedLast: 0 })).toBeNull();
      const tail = await audit.tail(chain);
      expect(tail).toMatchObject({ seq, newest: { seq, block: { hash: first.block.hash } } });
      const next = nextOf(chain, tail);
      expect(await audit.append({ chain, data: next.data, expectedLast: tail.seq })).not.toBeNull();
      expect((await messagesOf(chain)).map(({ data }) => Buffer.from(data))).toEqual([
        Buffer.from(first.data),
        Buffer.from(next.data),
      ]);
    });

    it("takes one of several appends that expect the same end (AP1)", async () => {
      const { audit } = harness;
      const chain = "contested";
      const { data } = nextOf(chain, await audit.tail(chain));
      const appends = [1, 2, 3, 4].map(() => audit.append({ chain, data, expectedLast: 0 }));
      const taken = (await Promise.all(appends)).filter((seq) => seq !== null);
      expect(taken).toHaveLength(1);
      expect(await messagesOf(chain)).toHaveLength(1);
    });

    it("keeps chains apart, and reads all of them in the order of the stream (AP3)", async () => {
      const { audit } = harness;
      for (const chain of ["a", "b", "a"]) {
        const tail = await audit.tail(chain);
        const { data } = nextOf(chain, tail);
        await audit.append({ chain, data, expectedLast: tail.seq });
      }
      const all = await messagesOf();
      expect(all.slice(-3).map(({ chain }) => chain)).toEqual(["a", "b", "a"]);
      expect(all.map(({ seq }) => seq)).toEqual(all.map((_, index) => (all[0]?.seq ?? 0) + index));
      expect(await messagesOf("b")).toHaveLength(1);
      expect(await checkOf(audit)).toMatchObject({ ok: true, problems: [] });
    });

    it("finds the end of a chain below what nobody's writer wrote", async () => {
      const { audit } = harness;
      const before = await audit.tail("a");
      const foreign = new TextEncoder().encode("not a block");
      const seq = await audit.append({ chain: "a", data: foreign, expectedLast: before.seq });
      expect(await audit.tail("a")).toEqual({ newest: before.newest, seq });
      expect((await checkOf(audit)).problems).toMatchObject([{ kind: "foreign", chain: "a", seq }]);
    });
  });
}
