/** The audit trail in memory. */

import { type AuditBlock, openBlock } from "../../contract/audit-chain.ts";
import { FreshetError } from "../../contract/errors.ts";
import { limits } from "../../contract/limits.ts";
import type { AuditHoldings, AuditLog, AuditMessage, AuditTail } from "../audit-port.ts";

export class MemoryAuditLog implements AuditLog {
  readonly #bytesMax: number;
  readonly #messages: AuditMessage[] = [];
  #lastSeq = 0;
  #bytes = 0;
  #isAway = false;

  constructor({ bytesMax = limits.auditBytesMax }: { readonly bytesMax?: number } = {}) {
    this.#bytesMax = bytesMax;
  }

  /** Every call fails until it is back. */
  setAway(isAway: boolean): void {
    this.#isAway = isAway;
  }

  async ensure(): Promise<boolean> {
    this.#check();
    return true;
  }

  async tail(chain: string): Promise<AuditTail> {
    this.#check();
    return this.#tailOf(chain);
  }

  #tailOf(chain: string): AuditTail {
    const own = this.#messages.filter((message) => message.chain === chain);
    for (const { data, seq } of own.toReversed()) {
      const block = blockOf(data, chain);
      if (block !== undefined) return { newest: { block, seq }, seq: own.at(-1)?.seq ?? 0 };
    }
    return { newest: null, seq: own.at(-1)?.seq ?? 0 };
  }

  async append(block: Parameters<AuditLog["append"]>[0]): Promise<number | null> {
    const { chain, data, expectedLast } = block;
    this.#check();
    // In one step with the look at the tail (AP1).
    if (this.#tailOf(chain).seq !== expectedLast) return null;
    this.#lastSeq += 1;
    this.#messages.push({ chain, data: data.slice(), seq: this.#lastSeq });
    this.#bytes += data.byteLength;
    while (this.#bytes > this.#bytesMax) {
      this.#bytes -= this.#messages.shift()?.data.byteLength ?? 0;
    }
    return this.#lastSeq;
  }

  async *read(chain?: string): AsyncGenerator<AuditMessage> {
    this.#check();
    const held = [...this.#messages];
    for (const message of held) if (chain === undefined || message.chain === chain) yield message;
  }

  async holdings(): Promise<AuditHoldings> {
    this.#check();
    const firstSeq = this.#messages[0]?.seq ?? 0;
    const [lastSeq, bytes, bytesMax] = [this.#lastSeq, this.#bytes, this.#bytesMax];
    return { firstSeq, lastSeq, bytes, bytesMax };
  }

  #check(): void {
    if (this.#isAway) throw new FreshetError("log_unavailable");
  }
}

/** The end of a chain is looked for without its key: whether a hash is right a check says. */
function blockOf(data: Uint8Array, chain: string): AuditBlock | undefined {
  const opened = openBlock(data, undefined);
  return opened.kind === "block" && opened.block.chain === chain ? opened.block : undefined;
}
