/**
 * The check of a stream that comes before any trust in one of its sequences.
 *
 * Owns: what this process has seen of the stream. Never: reads or writes a message for a caller.
 *
 *   SG1  a stream that is missing, of another incarnation, or shorter than what was seen of it, is
 *        refused;
 *   SG2  a sequence that the server gives must lie above all that was seen before it was asked: a
 *        lower one is used for the second time;
 *   SG3  on a cluster an old leader, that was frozen or is cut off, may answer with an earlier end
 *        for a while: such an answer is confirmed, and only a leader whose followers hear it can
 *        say that a tail was lost.
 */

import { nanos, type StreamInfo } from "nats";
import { FreshetError } from "../../contract/errors.ts";
import { incarnationOf, incarnationSpan } from "../../contract/ids.ts";
import { limits } from "../../contract/limits.ts";
import type { NatsContext } from "./connection.ts";
import { apiCode, jetStream, logError } from "./errors.ts";
import { isSameMessage, LastSeenTail } from "./last-seen.ts";
import {
  incarnationIn,
  lostTail,
  missingStream,
  otherIncarnation,
  type StreamRole,
  streamInfo,
  streamNames,
} from "./streams.ts";

export interface StreamState {
  /** The sequence before the first of this incarnation. */
  readonly base: number;
  /** That of the newest message ever stored; `base` when there was none. */
  readonly lastSeq: number;
}

/** A stream of known incarnation: it is read only after a check that it is still that one. */
export class VerifiedStream {
  readonly name: string;
  readonly base: number;
  readonly #context: NatsContext;
  readonly #role: StreamRole;
  readonly #lastSeen: LastSeenTail;

  constructor(context: NatsContext, role: StreamRole, incarnation: number) {
    this.name = streamNames[role];
    this.base = incarnation * incarnationSpan;
    this.#context = context;
    this.#role = role;
    this.#lastSeen = new LastSeenTail(this.base);
  }

  /**
   * Highest sequence that was confirmed to this process; taken before a publish, for `stored` after
   * it.
   */
  get highest(): number {
    return this.#lastSeen.highest;
  }

  /**
   * One request: enough where a wrong answer is noticed later.
   * @throws FreshetError log_identity, log_unavailable
   */
  async state(): Promise<StreamState> {
    const { lastSeq } = await this.#look();
    return { base: this.base, lastSeq };
  }

  /**
   * Those that hold messages and match the filter, by the same answer that the look at the stream
   * judges.
   */
  async subjects(filter: string): Promise<string[]> {
    const { info } = await this.#look(filter);
    return Object.keys(info.state.subjects ?? {});
  }

  /** The same, and that it still holds the message that was seen last (LN2). */
  async verify(): Promise<StreamState & { readonly info: StreamInfo }> {
    const seen = this.#lastSeen.message;
    const { info, lastSeq } = await this.#look();
    if (seen !== undefined && !isSameMessage(seen, await this.#timeOf(seen.seq))) {
      throw lostTail(this.name);
    }
    this.#lastSeen.saw(lastSeq, timeIn(info));
    return { base: this.base, lastSeq, info };
  }

  /** A message that a reader received after a check of the stream. */
  saw({ seq, atMs }: { readonly seq: number; readonly atMs: number }): void {
    this.#lastSeen.saw(seq, atMs);
  }

  /**
   * A sequence that an ack gave; `before`: the highest when the message was sent.
   * @throws FreshetError log_identity
   */
  stored(seq: number, before: number): void {
    if (incarnationOf(seq) !== incarnationOf(this.base)) throw otherIncarnation(this.name);
    if (seq <= before) throw lostTail(this.name);
    this.#lastSeen.saw(seq);
  }

  async #look(subjects?: string): Promise<{ readonly info: StreamInfo; readonly lastSeq: number }> {
    // Before the question: what is acknowledged while the answer is under way may be missing in it.
    const seen = this.#lastSeen.highest;
    for (let looks = 1; ; looks += 1) {
      const info = await streamInfo(this.#context, this.#role, subjects);
      if (info === null) throw missingStream(this.name);
      if (incarnationIn(info) !== incarnationOf(this.base)) throw otherIncarnation(this.name);
      const lastSeq = Math.max(info.state.last_seq, this.base);
      if (lastSeq >= seen) return { info, lastSeq };
      if (info.config.num_replicas === 1) throw lostTail(this.name);
      if (looks >= limits.lostTailLooksMax) throw isHeard(info) ? lostTail(this.name) : cutOff();
      await this.#context.clock.sleep(limits.lostTailLookEveryMs);
    }
  }

  async #timeOf(seq: number): Promise<number | undefined> {
    try {
      const message = await this.#context.jsm.streams.getMessage(this.name, { seq });
      return message.time.getTime();
    } catch (thrown) {
      if (apiCode(thrown) === jetStream.messageNotFound) return undefined;
      throw logError(thrown);
    }
  }
}

/**
 * SG3: a majority has spoken to this leader recently; one that is cut off steps down some ten
 * seconds later.
 */
function isHeard({ config, cluster }: StreamInfo): boolean {
  const others = cluster?.replicas ?? [];
  const heard = others.filter(({ active }) => active < nanos(limits.followerSilenceMs));
  return heard.length + 1 > config.num_replicas / 2;
}

function cutOff(): FreshetError {
  return new FreshetError("log_unavailable", "the leader of a stream is cut off from its cluster");
}

/** Of the newest message; the server says the year 1 for none. */
function timeIn({ state }: StreamInfo): number | undefined {
  const atMs = Date.parse(state.last_ts);
  return state.messages > 0 && atMs > 0 ? atMs : undefined;
}
