/**
 * Streams of others on JetStream, each read under a durable name that shows in `nats consumer ls`:
 * explicit acks, so that work queues can be read too.
 *
 * The broker alone does not keep the order: what was given to a connection that is gone comes again
 * later, after newer messages. So every reading counts:
 *
 *   NF1  the numbers of its deliveries follow one another; a gap means that a message went to
 *        somebody else, or nowhere;
 *   NF2  what an earlier reading left comes first: until as many repetitions are here as were
 *        pending when the reading began, nothing is handed out; then all, in the stream's order.
 *        The broker gives them out in any order, and newer messages between them;
 *   NF3  after that sequences of the stream rise; one that does not was given out before;
 *   NF4  a reading whose consumer or stream was deleted ends, so that somebody hears of it;
 *   NF5  a consumer that is gone, its stream not, is made again behind what was acknowledged;
 *        where the source once began, events would be left out, or all of them come again.
 *
 * A reading that finds it otherwise ends and lets go of what it holds; the next one begins with
 * that.
 */

import {
  AckPolicy,
  type Consumer,
  type ConsumerInfo,
  type ConsumerMessages,
  DeliverPolicy,
  type JetStreamClient,
  type JetStreamManager,
  type JsMsg,
  type MsgHdrs,
  type NatsConnection,
  nanos,
} from "nats";
import { FreshetError } from "../contract/errors.ts";
import { limits } from "../contract/limits.ts";
import type { SourceProgress } from "../contract/source.ts";
import { apiCode, jetStream, sourceError } from "./nats-errors.ts";
import type {
  SourceDelivery,
  SourceReached,
  SourceReading,
  SourceStreams,
  StreamSource,
} from "./sources/port.ts";
import { refuseBeyond } from "./sources/start.ts";

export interface NatsSourcesOptions {
  readonly connection: NatsConnection;
  /** Copies on a cluster. */
  readonly replicas: number;
}

export class NatsSourceStreams implements SourceStreams {
  readonly #connection: NatsSourcesOptions["connection"];
  readonly #js: JetStreamClient;

  constructor({ connection }: NatsSourcesOptions) {
    this.#connection = connection;
    this.#js = connection.jetstream({ timeout: limits.publishAckMs });
  }

  async create(source: StreamSource): Promise<void> {
    try {
      const jsm = await this.#js.jetstreamManager();
      if ((await infoOf(jsm, source)) !== null) return;
      const { stream, start } = source.input;
      const { last_seq: end } = (await jsm.streams.info(stream)).state;
      refuseBeyond(end, { stream, start });
      await create(jsm, source);
    } catch (thrown) {
      throw explained(thrown, source.input.stream);
    }
  }

  async open(
    source: StreamSource,
    _signal: AbortSignal,
    reached?: SourceReached,
  ): Promise<SourceReading> {
    const { stream } = source.input;
    const durable = durableOf(source);
    try {
      const jsm = await this.#js.jetstreamManager();
      const known = await infoOf(jsm, source);
      const start = known === null ? await startAgain(jsm, source, reached) : undefined;
      const info = known ?? (await create(jsm, source, start));
      const consumer = await this.#js.consumers.get(stream, durable);
      const flush = (): Promise<void> => this.#connection.flush();
      return await NatsSourceReading.begin(consumer, { info, flush, goesOn: start !== undefined });
    } catch (thrown) {
      throw explained(thrown, stream);
    }
  }

  async progress(source: StreamSource): Promise<SourceProgress | null> {
    try {
      const info = await infoOf(await this.#js.jetstreamManager(), source);
      if (info === null) return null;
      const { ack_floor, num_pending, num_ack_pending } = info;
      return { sequence: ack_floor.stream_seq, lag: num_pending + num_ack_pending };
    } catch (thrown) {
      throw explained(thrown, source.input.stream);
    }
  }

  async forget(source: StreamSource): Promise<void> {
    try {
      const jsm = await this.#js.jetstreamManager();
      await jsm.consumers.delete(source.input.stream, durableOf(source));
    } catch (thrown) {
      const code = apiCode(thrown);
      if (code === jetStream.consumerNotFound || code === jetStream.streamNotFound) return;
      throw sourceError(thrown);
    }
  }
}

const durableOf = ({ name, generation }: StreamSource): string => `freshet_${name}_${generation}`;

async function infoOf(jsm: JetStreamManager, source: StreamSource): Promise<ConsumerInfo | null> {
  try {
    return await jsm.consumers.info(source.input.stream, durableOf(source));
  } catch (thrown) {
    if (apiCode(thrown) === jetStream.consumerNotFound) return null;
    throw thrown;
  }
}

/** NF5. Undefined: where the definition says. */
async function startAgain(
  jsm: JetStreamManager,
  { input: { stream } }: StreamSource,
  reached: SourceReached | undefined,
): Promise<StreamSource["input"]["start"] | undefined> {
  if (reached === undefined) return undefined;
  const { created, state } = await jsm.streams.info(stream);
  const isSame = Date.parse(String(created)) <= reached.atMs && reached.sequence <= state.last_seq;
  return isSame ? { after: reached.sequence } : undefined;
}

function create(
  jsm: JetStreamManager,
  source: StreamSource,
  start: StreamSource["input"]["start"] = source.input.start,
): Promise<ConsumerInfo> {
  const { stream, subject } = source.input;
  return jsm.consumers.add(stream, {
    durable_name: durableOf(source),
    description: `Freshet source ${source.name} of tenant ${source.tenant}`,
    ack_policy: AckPolicy.Explicit,
    ack_wait: nanos(limits.sourceAckWaitMs),
    max_ack_pending: limits.sourceInHandMax,
    max_deliver: -1,
    ...(subject === undefined ? {} : { filter_subject: subject }),
    ...startOf(start),
  });
}

function startOf(start: StreamSource["input"]["start"]) {
  if (start === "all") return { deliver_policy: DeliverPolicy.All };
  if (start === "new") return { deliver_policy: DeliverPolicy.New };
  return { deliver_policy: DeliverPolicy.StartSequence, opt_start_seq: start.after + 1 };
}

function explained(thrown: unknown, stream: string): FreshetError {
  if (apiCode(thrown) === jetStream.noSuchSubject) {
    const message = `the stream ${stream} has no such subjects`;
    return new FreshetError("invalid_request", message, { cause: thrown });
  }
  if (apiCode(thrown) !== jetStream.streamNotFound) return sourceError(thrown);
  return new FreshetError("not_found", `there is no stream ${stream}`, { cause: thrown });
}

interface Began {
  readonly info: ConsumerInfo;
  readonly flush: () => Promise<void>;
  /** NF5. */
  readonly goesOn: boolean;
}

class NatsSourceReading implements SourceReading {
  readonly isUnsure: boolean;
  #messages: ConsumerMessages | undefined;
  readonly #flush: () => Promise<void>;
  /** Given out and not acknowledged, by sequence of the stream. */
  readonly #held = new Map<number, JsMsg>();
  readonly #keeper: NodeJS.Timeout;
  readonly #patience: NodeJS.Timeout;
  /** What waits until all repetitions are here (NF2). */
  #gathered: JsMsg[] = [];
  #arrived: JsMsg[] = [];
  #nextDelivery: number;
  #repetitionsDue: number;
  #lastSequence = 0;
  #failure: FreshetError | undefined;
  #wake: () => void = () => {};

  static async begin(consumer: Consumer, began: Began): Promise<NatsSourceReading> {
    const reading = new NatsSourceReading(began);
    try {
      const messages = await consumer.consume({
        max_messages: limits.sourceInHandMax,
        // NF4. The client would ask for ever whether it has come back.
        abort_on_missing_resource: true,
        callback: (message) => reading.#take(message),
      });
      return reading.#reads(messages);
    } catch (thrown) {
      // Nobody has it who would close it.
      await reading.close();
      throw thrown;
    }
  }

  private constructor({ info, flush, goesOn }: Began) {
    this.isUnsure = goesOn || info.num_ack_pending > 0;
    this.#flush = flush;
    this.#nextDelivery = info.delivered.consumer_seq + 1;
    this.#repetitionsDue = info.num_ack_pending;
    this.#keeper = setInterval(() => this.#sayWorking(), limits.sourceWorkingEveryMs);
    this.#keeper.unref();
    this.#patience = setTimeout(() => this.#missRepetitions(), 2 * limits.sourceAckWaitMs);
    this.#patience.unref();
  }

  #reads(messages: ConsumerMessages): this {
    this.#messages = messages;
    void messages.closed().then((ended) => {
      this.#fail(ended instanceof Error ? sourceError(ended) : new FreshetError("cancelled"));
    });
    return this;
  }

  async next(signal: AbortSignal): Promise<readonly SourceDelivery[]> {
    const wake = (): void => this.#wake();
    signal.addEventListener("abort", wake, { once: true });
    try {
      while (this.#arrived.length === 0 && this.#failure === undefined && !signal.aborted) {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    } finally {
      signal.removeEventListener("abort", wake);
    }
    if (signal.aborted) return [];
    // What came in order before the gap is handed out first.
    if (this.#arrived.length === 0 && this.#failure !== undefined) throw this.#failure;
    return this.#arrived.splice(0).map((message) => this.#delivery(message));
  }

  flush(): Promise<void> {
    return this.#flush();
  }

  async close(): Promise<void> {
    clearInterval(this.#keeper);
    clearTimeout(this.#patience);
    await this.#messages?.close();
    for (const message of [...this.#held.values()].sort((a, b) => a.seq - b.seq)) message.nak();
    this.#held.clear();
  }

  #take(message: JsMsg): void {
    const { deliverySequence, streamSequence, deliveryCount } = message.info;
    const isNew = !this.#held.has(streamSequence);
    this.#held.set(streamSequence, message);
    if (this.#failure !== undefined) return;
    if (deliverySequence !== this.#nextDelivery) return this.#fail(broken("a delivery is missing"));
    this.#nextDelivery += 1;
    if (this.#repetitionsDue === 0) return this.#handOut([message]);
    if (!isNew) return;
    this.#gathered.push(message);
    if (deliveryCount > 1) this.#repetitionsDue -= 1;
    if (this.#repetitionsDue > 0) return;
    this.#handOut(this.#gathered.splice(0).sort((one, other) => one.seq - other.seq));
  }

  #handOut(messages: readonly JsMsg[]): void {
    for (const message of messages) {
      if (message.seq <= this.#lastSequence) return this.#fail(broken("a message came twice"));
      this.#lastSequence = message.seq;
      this.#arrived.push(message);
    }
    this.#wake();
  }

  /** They were acknowledged late, or purged: the next reading counts anew. */
  #missRepetitions(): void {
    if (this.#repetitionsDue === 0) return;
    this.#fail(broken("what an earlier reader had in hand does not come again"));
  }

  #fail(failure: FreshetError): void {
    this.#failure ??= failure;
    this.#wake();
  }

  #sayWorking(): void {
    if (this.#failure !== undefined) return;
    for (const message of this.#held.values()) message.working();
  }

  #delivery(message: JsMsg): SourceDelivery {
    const { info, headers, subject, data: payload } = message;
    return {
      subject,
      payload,
      headers: headersOf(headers),
      sequence: info.streamSequence,
      atMs: Math.floor(info.timestampNanos / 1_000_000),
      ack: () => {
        message.ack();
        this.#held.delete(info.streamSequence);
      },
    };
  }
}

const broken = (message: string): FreshetError => new FreshetError("broken_chain", message);

/** Names in lower case, as HTTP's; of several values all, with commas between. */
function headersOf(headers: MsgHdrs | undefined): Readonly<Record<string, string>> {
  if (headers === undefined) return {};
  const entries = headers
    .keys()
    .map((name) => [name.toLowerCase(), headers.values(name).join(", ")]);
  return Object.fromEntries(entries) as Record<string, string>;
}
