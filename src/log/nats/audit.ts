/**
 * The audit trail in a stream of its own. The server takes no request to delete or purge messages
 * of it (`deny_delete`, `deny_purge`, which cannot be taken back); the oldest leave by age or when
 * it is full. It is no part of the log's identity: nothing that is served rests on it.
 */

import { DiscardPolicy, nanos, RetentionPolicy, StorageType } from "nats";
import { type AuditBlock, openBlock } from "../../contract/audit-chain.ts";
import { limits } from "../../contract/limits.ts";
import { auditStream as stream } from "../../contract/own-streams.ts";
import type { AuditHoldings, AuditLog, AuditMessage, AuditTail } from "../audit-port.ts";
import { auditChainIn, auditSubject, auditSubjects } from "../wire/subjects.ts";
import { type NatsContext, newestMessage } from "./connection.ts";
import { apiCode, jetStream, logError } from "./errors.ts";
import { newestReadable } from "./newest.ts";
import { publishIfLast } from "./publish.ts";
import { pullMessages } from "./pull.ts";
import { createBeside } from "./room.ts";

export class NatsAuditLog implements AuditLog {
  readonly #context: NatsContext;
  readonly #options: { readonly creates: boolean; readonly replicas: number };

  constructor(
    context: NatsContext,
    options: { readonly creates: boolean; readonly replicas: number },
  ) {
    this.#context = context;
    this.#options = options;
  }

  async ensure(): Promise<boolean> {
    if ((await this.holdings()) !== null) return true;
    if (!this.#options.creates) return false;
    await createBeside(this.#context, limits.auditBytesMax, (bytesMax) => this.#create(bytesMax));
    return true;
  }

  async tail(chain: string): Promise<AuditTail> {
    const { value, tail } = await newestReadable(this.#context, {
      ...{ stream, subject: auditSubject(chain) },
      read: ({ data, seq }) => {
        const block = blockOf(data, chain);
        return block && { block, seq };
      },
    });
    return { newest: value, seq: tail };
  }

  async append(block: Parameters<AuditLog["append"]>[0]): Promise<number | null> {
    const { chain, data, expectedLast } = block;
    const subject = auditSubject(chain);
    const outcome = await publishIfLast(this.#context, { subject, payload: data, expectedLast });
    if (outcome.kind === "unknown") throw outcome.error;
    return outcome.kind === "stored" ? outcome.ack.seq : null;
  }

  async *read(chain?: string): AsyncGenerator<AuditMessage> {
    const filter = chain === undefined ? auditSubjects : auditSubject(chain);
    const newest = await newestMessage(this.#context, stream, filter);
    if (newest === null) return;
    const messages = pullMessages(this.#context, {
      ...{ stream, filter, start: 1, until: { through: newest.seq }, page: limits.pullMax },
    });
    for await (const { subject, seq, data } of messages) {
      yield { chain: auditChainIn(subject), seq, data };
    }
  }

  async holdings(): Promise<AuditHoldings | null> {
    try {
      const { state, config } = await this.#context.jsm.streams.info(stream);
      const { first_seq: firstSeq, last_seq: lastSeq, bytes } = state;
      return { firstSeq, lastSeq, bytes, bytesMax: config.max_bytes };
    } catch (thrown) {
      if (apiCode(thrown) === jetStream.streamNotFound) return null;
      throw logError(thrown);
    }
  }

  async #create(bytesMax: number): Promise<void> {
    try {
      await this.#context.jsm.streams.add({
        ...{ name: stream, subjects: [auditSubjects], num_replicas: this.#options.replicas },
        ...{ storage: StorageType.File, retention: RetentionPolicy.Limits },
        ...{ discard: DiscardPolicy.Old, max_bytes: bytesMax, max_age: nanos(limits.auditKeptMs) },
        ...{ allow_direct: false, allow_rollup_hdrs: false, deny_delete: true, deny_purge: true },
      });
    } catch (thrown) {
      if (apiCode(thrown) !== jetStream.streamNameInUse) throw logError(thrown);
    }
  }
}

/** Without its key: whether a hash is right a check says. */
function blockOf(data: Uint8Array, chain: string): AuditBlock | undefined {
  const opened = openBlock(data, undefined);
  return opened.kind === "block" && opened.block.chain === chain ? opened.block : undefined;
}
