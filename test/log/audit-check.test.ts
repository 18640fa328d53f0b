import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { openBlock } from "../../src/contract/audit-chain.ts";
import { limits } from "../../src/contract/limits.ts";
import type { AuditHead } from "../../src/log/audit-check.ts";
import type { AuditHoldings, AuditMessage } from "../../src/log/audit-port.ts";
import { chainsOf, reportOn } from "./audit-kit.ts";

const key = "a key of the audit trail, 32 chars";
const orders = fc.array(fc.constantFrom("one", "two", "three"), { minLength: 1, maxLength: 12 });

const heldOf = (messages: readonly AuditMessage[], lastSeq = messages.length): AuditHoldings => ({
  ...{ firstSeq: messages[0]?.seq ?? 0, lastSeq, bytes: 1_000, bytesMax: limits.auditBytesMax },
});

/** What somebody with access to the stream's files could make of it. */
type Tamper = (messages: AuditMessage[], at: number, other: number) => AuditMessage[] | undefined;

const flipped = (data: Uint8Array, place: number): Uint8Array => {
  const copy = data.slice();
  copy[place % copy.length] = (copy[place % copy.length] ?? 0) ^ 1;
  return copy;
};

/** New sequences without gaps, as a stream that was written anew would have. */
const renumbered = (messages: readonly AuditMessage[]): AuditMessage[] =>
  messages.map((message, index) => ({ ...message, seq: index + 1 }));

const tampers: Readonly<Record<string, Tamper>> = {
  "an edit of any byte": (messages, at, other) =>
    messages.map((message, index) =>
      index === at ? { ...message, data: flipped(message.data, other * 7 + at) } : message,
    ),
  "a removal": (messages, at) => messages.filter((_, index) => index !== at),
  "a swap of two messages": (messages, at, other) => {
    const [one, two] = [messages[at], messages[other]];
    if (one === undefined || two === undefined || at === other) return undefined;
    // Chains are apart: of one, two blocks change places; of two, one poses as the other.
    return messages.map((message, index) => {
      if (index !== at && index !== other) return message;
      return { ...message, data: index === at ? two.data : one.data };
    });
  },
  "a message that stands there twice": (messages, at, other) => {
    const copy = messages[at];
    return copy && renumbered([...messages.slice(0, other), copy, ...messages.slice(other)]);
  },
  "a message of nobody's": (messages, at) =>
    renumbered([
      ...messages.slice(0, at),
      { chain: "one", seq: 0, data: new TextEncoder().encode("{}") },
      ...messages.slice(at),
    ]),
};

describe("the check of the audit trail", () => {
  it("finds nothing wrong with what was written", () => {
    fc.assert(
      fc.property(orders, fc.constantFrom(undefined, key), (order, sealedBy) => {
        const messages = chainsOf(order, sealedBy);
        const report = reportOn(messages, heldOf(messages), { key: sealedBy });
        expect(report).toMatchObject({ ok: true, problems: [] });
        const blocks = report.chains.reduce((sum, chain) => sum + chain.blocks, 0);
        expect(blocks).toBe(messages.length);
      }),
    );
  });

  for (const [name, tamper] of Object.entries(tampers)) {
    it(`finds ${name}, anywhere`, () => {
      fc.assert(
        fc.property(
          orders,
          fc.nat(),
          fc.nat(),
          fc.constantFrom(undefined, key),
          (order, a, b, sealedBy) => {
            const messages = chainsOf(order, sealedBy);
            const [at, other] = [a % messages.length, b % messages.length];
            const changed = tamper(messages, at, other);
            if (changed === undefined) return;
            // What the server itself remembers: how many there ever were.
            const held = heldOf(messages, Math.max(messages.length, changed.at(-1)?.seq ?? 0));
            // Of a chain that is gone as a whole, from the stream's beginning, only a head tells.
            const expected = reportOn(messages, held, { key: sealedBy }).chains.filter(
              ({ chain }) => !changed.some((message) => message.chain === chain),
            );
            const nowMs = 1_700_000_100_000;
            const report = reportOn(changed, held, { key: sealedBy, nowMs, expected });
            expect(report.ok, JSON.stringify(changed.map(({ chain, seq }) => [chain, seq]))).toBe(
              false,
            );
          },
        ),
      );
    });
  }

  it("finds a newest block that is gone from a stream made anew, by a head that was noted", () => {
    const messages = chainsOf(["one", "one", "one"], undefined);
    const { chains } = reportOn(messages, heldOf(messages));
    const cut = messages.slice(0, 2);
    expect(reportOn(cut, heldOf(cut)).ok).toBe(true);
    const report = reportOn(cut, heldOf(cut), { expected: chains });
    expect(report.problems).toMatchObject([{ kind: "rewritten", chain: "one" }]);
    expect(reportOn(messages, heldOf(messages), { expected: chains }).ok).toBe(true);
  });

  it("finds a chain that was computed anew, by a head that was noted before", () => {
    const messages = chainsOf(["one", "one"], undefined);
    const forged = chainsOf(["one", "one"], undefined, 1_700_000_000_001);
    const noted: readonly AuditHead[] = reportOn(messages, heldOf(messages)).chains;
    expect(reportOn(forged, heldOf(forged)).ok).toBe(true);
    expect(reportOn(forged, heldOf(forged), { expected: noted }).ok).toBe(false);
  });

  it("finds a chain that was computed anew without the key", () => {
    const forged = chainsOf(["one", "one"], "another key, of the forger himself");
    expect(reportOn(forged, heldOf(forged), { key }).problems).toMatchObject([
      { kind: "edited" },
      { kind: "edited" },
    ]);
    const [sealed, ...rest] = chainsOf(["one", "one"], key);
    const [, plain] = chainsOf(["one", "one"], undefined);
    if (sealed === undefined || plain === undefined) throw new Error("no blocks");
    expect(rest).toHaveLength(1);
    const kinds = reportOn([sealed, plain], heldOf([sealed, plain]), { key }).problems;
    expect(kinds.map(({ kind }) => kind)).toContain("unsealed");
  });

  it("says of sealed blocks that it cannot prove them without the key", () => {
    const messages = chainsOf(["one", "one"], key);
    const { ok, chains } = reportOn(messages, heldOf(messages));
    expect({ ok, unproved: chains[0]?.unproved }).toEqual({ ok: true, unproved: 2 });
  });

  it("takes it that old blocks left with their time, and that a full stream drops its oldest", () => {
    const messages = chainsOf(["one", "one", "one"], undefined);
    const rest = messages.slice(1);
    const last = openBlock(rest[0]?.data ?? new Uint8Array(), undefined);
    if (last.kind !== "block") throw new Error("no block");
    const held = heldOf(rest, 3);
    const later = { nowMs: last.block.at + limits.auditKeptMs + 1 };
    expect(reportOn(rest, held, later).ok).toBe(true);
    const early = { nowMs: last.block.at + 60_000 };
    expect(reportOn(rest, held, early).problems).toMatchObject([{ kind: "removed" }]);
    expect(reportOn(rest, { ...held, bytes: held.bytesMax }, early).ok).toBe(true);
    expect(reportOn([], { ...held, firstSeq: 4, lastSeq: 3 }, early).ok).toBe(true);
  });
});
