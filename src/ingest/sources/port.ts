/**
 * What a source stands on: where definitions and states are kept, the stream that is read, and the
 * mapper. Adapters: `memory-sources.ts` and `nats-*.ts`, over one conformance suite.
 */

import type { TenantSources } from "../../contract/erase.ts";
import type {
  Mapped,
  SourceDefinition,
  SourceLetter,
  SourceProgress,
  SourceState,
  StreamInput,
} from "../../contract/source.ts";

/** An event as it came in: bytes, and headers in lower case. */
export interface RawEvent {
  readonly subject: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly payload: Uint8Array;
  readonly sequence: number;
  /** Unix milliseconds. */
  readonly atMs: number;
}

/**
 *   SO1  a name is one source: adding it again is refused while it is there;
 *   SO2  a watcher sees the newest definitions, at once and after each change, and may miss what
 *        lay between;
 *   SO3  what cannot be read as a definition is passed over, and harms no other.
 */
export interface SourceStore extends TenantSources {
  /** @throws FreshetError invalid_request (the name is taken), limit_reached */
  add(definition: SourceDefinition): Promise<void>;
  get(name: string): Promise<SourceDefinition | null>;
  list(): Promise<readonly SourceDefinition[]>;
  /** False when there was none. Removes its state as well. */
  remove(name: string): Promise<boolean>;
  /** Ends when the signal aborts. @throws FreshetError log_unavailable */
  watch(signal: AbortSignal): AsyncIterable<readonly SourceDefinition[]>;
  putState(name: string, state: SourceState): Promise<void>;
  /** Null also for the state of an earlier source of that name. */
  state(definition: SourceDefinition): Promise<SourceState | null>;
  /** Leaves that of a later source of the same name. */
  removeState(definition: SourceDefinition): Promise<void>;
  /** Idempotent by source, generation, sequence and delivery. The oldest make room. */
  putLetter(letter: SourceLetter): Promise<void>;
  /** The newest of a source, newest first. */
  letters(definition: SourceDefinition, max: number): Promise<readonly SourceLetter[]>;
}

export interface SourceDelivery extends RawEvent {
  /** It is dealt with: the broker gives it out no more. */
  ack(): void;
}

/**
 * One stretch of reading a source's stream under its durable name.
 *
 *   SF1  events come in the order of the stream: what an earlier reader had in hand first, once it
 *        is given out again, then what follows. A reading in which one was missed, or came twice,
 *        ends with `broken_chain`, and nothing after the gap is handed out;
 *   SF2  an event that was not acknowledged is given out again to the next reading: at once when
 *        this one was closed, else `sourceAckWaitMs` after its last word. While it is open nothing
 *        of it is given out twice;
 *   SF3  at most `sourceInHandMax` events are out at a time.
 */
export interface SourceReading {
  /** Whether an earlier reading left events: their operations may lie in DOCS already. */
  readonly isUnsure: boolean;
  /** Events that are here, at least one; empty when the signal aborts. @throws FreshetError */
  next(signal: AbortSignal): Promise<readonly SourceDelivery[]>;
  /** Resolves when the acknowledgements that were sent have arrived. */
  flush(): Promise<void>;
  close(): Promise<void>;
}

/** As the state of a source says. */
export interface SourceReached {
  readonly sequence: number;
  /** When it was said, by the log's clock: a stream that was made later is another one. */
  readonly atMs: number;
}

export interface SourceStreams {
  /**
   * Creates the durable name, which fixes where the source begins.
   * @throws FreshetError not_found (no such stream), invalid_request (no such subject in it, or
   * it begins beyond the stream's end), log_unavailable
   */
  create(source: StreamSource): Promise<void>;
  /**
   * Creates the durable name when it is new, and when it was deleted: then the reading goes on
   * behind what was `reached` of the same stream, and is unsure.
   * @throws FreshetError not_found (no such stream), log_unavailable
   */
  open(source: StreamSource, signal: AbortSignal, reached?: SourceReached): Promise<SourceReading>;
  /** Null while the source was never read. */
  progress(source: StreamSource): Promise<SourceProgress | null>;
  /** Forgets how far the source was read. */
  forget(source: StreamSource): Promise<void>;
}

export type StreamSource = SourceDefinition & { readonly input: StreamInput };

export function isStreamSource(source: SourceDefinition): source is StreamSource {
  return source.input.kind === "stream";
}

/** Maps events in a thread; one definition each. */
export interface Mapper {
  /** In the order of the events, each in bounded time. @throws FreshetError overloaded */
  map(events: readonly RawEvent[]): Promise<readonly Mapped[]>;
  close(): Promise<void>;
}
