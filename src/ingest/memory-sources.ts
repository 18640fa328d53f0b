/**
 * Sources in memory: the store, and streams whose durable names give out again what was not
 * acknowledged, as the broker does.
 */

import { FreshetError } from "../contract/errors.ts";
import type { TenantId } from "../contract/ids.ts";
import { limits } from "../contract/limits.ts";
import type {
  SourceDefinition,
  SourceLetter,
  SourceProgress,
  SourceState,
} from "../contract/source.ts";
import type { Clock } from "../runtime/clock.ts";
import type {
  RawEvent,
  SourceDelivery,
  SourceReached,
  SourceReading,
  SourceStore,
  SourceStreams,
  StreamSource,
} from "./sources/port.ts";
import { checkSourceRoom, refuseBeyond } from "./sources/start.ts";

export class MemorySourceStore implements SourceStore {
  readonly #definitions = new Map<string, SourceDefinition>();
  readonly #states = new Map<string, SourceState>();
  readonly #letters = new Map<string, SourceLetter>();
  readonly #watchers = new Set<() => void>();

  async add(definition: SourceDefinition): Promise<void> {
    await Promise.resolve();
    if (this.#definitions.has(definition.name)) {
      throw new FreshetError("invalid_request", `there is a source ${definition.name} already`);
    }
    checkSourceRoom(this.#definitions.size);
    this.#definitions.set(definition.name, structuredClone(definition));
    this.#tell();
  }

  async get(name: string): Promise<SourceDefinition | null> {
    await Promise.resolve();
    return this.#definitions.get(name) ?? null;
  }

  async list(): Promise<readonly SourceDefinition[]> {
    await Promise.resolve();
    return [...this.#definitions.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  async remove(name: string): Promise<boolean> {
    await Promise.resolve();
    this.#states.delete(name);
    const isGone = this.#definitions.delete(name);
    if (isGone) this.#tell();
    return isGone;
  }

  async *watch(signal: AbortSignal): AsyncGenerator<readonly SourceDefinition[]> {
    let changed = Promise.withResolvers<void>();
    const onChange = (): void => changed.resolve();
    this.#watchers.add(onChange);
    signal.addEventListener("abort", onChange, { once: true });
    try {
      while (!signal.aborted) {
        changed = Promise.withResolvers<void>();
        yield await this.list();
        await changed.promise;
      }
    } finally {
      this.#watchers.delete(onChange);
      signal.removeEventListener("abort", onChange);
    }
  }

  async putState(name: string, state: SourceState): Promise<void> {
    await Promise.resolve();
    this.#states.set(name, structuredClone(state));
  }

  async state({ name, generation }: SourceDefinition): Promise<SourceState | null> {
    await Promise.resolve();
    const state = this.#states.get(name);
    return state?.generation === generation ? state : null;
  }

  async removeState(definition: SourceDefinition): Promise<void> {
    if ((await this.state(definition)) !== null) this.#states.delete(definition.name);
  }

  async putLetter(letter: SourceLetter): Promise<void> {
    await Promise.resolve();
    const { source, generation, sequence, delivery = "" } = letter;
    const key = `${source}/${generation}/${sequence}/${delivery}`;
    if (!this.#letters.has(key)) this.#letters.set(key, structuredClone(letter));
  }

  async letters({ name, generation }: SourceDefinition, max: number): Promise<SourceLetter[]> {
    await Promise.resolve();
    const own = [...this.#letters.values()].filter(
      (letter) => letter.source === name && letter.generation === generation,
    );
    return own.reverse().slice(0, max);
  }

  async eraseTenant(tenant: TenantId): Promise<void> {
    for (const definition of await this.list()) {
      if (definition.tenant === tenant) await this.remove(definition.name);
    }
    for (const [key, letter] of this.#letters) {
      if (letter.tenant === tenant) this.#letters.delete(key);
    }
  }

  async countOf(tenant: TenantId): Promise<number> {
    const all = [...(await this.list()), ...this.#letters.values()];
    return all.filter((each) => each.tenant === tenant).length;
  }

  #tell(): void {
    for (const watcher of this.#watchers) watcher();
  }
}

interface Durable {
  /** Everything up to here was given out. */
  delivered: number;
  readonly pending: Map<number, RawEvent>;
  /** Until when what an ended reading had in hand is not given out again. */
  heldUntilMs: number;
  reading: number;
}

/** Streams by name; a test publishes to them. */
export class MemorySourceStreams implements SourceStreams {
  readonly #clock: Clock;
  readonly #streams = new Map<string, RawEvent[]>();
  readonly #madeAtMs = new Map<string, number>();
  readonly #durables = new Map<string, Durable>();
  #arrived = Promise.withResolvers<void>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  add(stream: string): void {
    if (this.#streams.has(stream)) return;
    this.#streams.set(stream, []);
    this.#madeAtMs.set(stream, this.#clock.nowMs());
  }

  /** @returns the event's sequence */
  publish(stream: string, event: Omit<RawEvent, "sequence" | "atMs">): number {
    this.add(stream);
    const events = this.#streams.get(stream) ?? [];
    const sequence = events.length + 1;
    events.push({ ...event, sequence, atMs: this.#clock.nowMs() });
    this.#arrived.resolve();
    this.#arrived = Promise.withResolvers();
    return sequence;
  }

  /** What a reader's process has in hand when it is killed stays with it for a while (SF2). */
  crash(source: StreamSource): void {
    const durable = this.#durables.get(nameOf(source));
    if (durable === undefined) return;
    durable.reading += 1;
    durable.heldUntilMs = this.#clock.nowMs() + limits.sourceAckWaitMs;
  }

  async create(source: StreamSource): Promise<void> {
    await Promise.resolve();
    const { stream, start } = source.input;
    const end = this.#eventsOf(source).length;
    refuseBeyond(end, { stream, start });
    this.#durable(source, end);
  }

  async open(
    source: StreamSource,
    signal: AbortSignal,
    reached?: SourceReached,
  ): Promise<SourceReading> {
    await Promise.resolve();
    const events = this.#eventsOf(source);
    const isSame = reached !== undefined && this.#isOf(source, reached);
    const goesOn = isSame && !this.#durables.has(nameOf(source));
    const durable = this.#durable(source, events.length);
    if (goesOn) durable.delivered = reached.sequence;
    durable.reading += 1;
    const isUnsure = goesOn || durable.pending.size > 0;
    const heldMs = durable.heldUntilMs - this.#clock.nowMs();
    if (durable.pending.size > 0 && heldMs > 0) await this.#clock.sleep(heldMs, signal);
    const again = [...durable.pending.values()].sort((a, b) => a.sequence - b.sequence);
    const reading = { source, durable, events, again, number: durable.reading };
    return {
      isUnsure,
      next: (until) => this.#next(reading, until),
      flush: () => Promise.resolve(),
      close: () => Promise.resolve(),
    };
  }

  async progress(source: StreamSource): Promise<SourceProgress | null> {
    await Promise.resolve();
    const durable = this.#durables.get(nameOf(source));
    const events = this.#streams.get(source.input.stream);
    if (durable === undefined || events === undefined) return null;
    const oldest = Math.min(durable.delivered + 1, ...durable.pending.keys());
    const later = events.filter((event) => event.sequence > durable.delivered);
    const waiting = later.filter((event) => isWanted(source, event)).length;
    return { sequence: oldest - 1, lag: durable.pending.size + waiting };
  }

  async forget(source: StreamSource): Promise<void> {
    await Promise.resolve();
    this.#durables.delete(nameOf(source));
  }

  #eventsOf({ input }: StreamSource): RawEvent[] {
    const events = this.#streams.get(input.stream);
    if (events !== undefined) return events;
    throw new FreshetError("not_found", `there is no stream ${input.stream}`);
  }

  #isOf({ input: { stream } }: StreamSource, { sequence, atMs }: SourceReached): boolean {
    const isOlder = (this.#madeAtMs.get(stream) ?? 0) <= atMs;
    return isOlder && sequence <= (this.#streams.get(stream)?.length ?? 0);
  }

  #durable(source: StreamSource, last: number): Durable {
    const name = nameOf(source);
    const known = this.#durables.get(name);
    if (known !== undefined) return known;
    const { start } = source.input;
    const delivered = start === "all" ? 0 : start === "new" ? last : start.after;
    const durable = { delivered, pending: new Map(), heldUntilMs: 0, reading: 0 };
    this.#durables.set(name, durable);
    return durable;
  }

  async #next(reading: Reading, signal: AbortSignal): Promise<readonly SourceDelivery[]> {
    const { durable, events, source } = reading;
    const given = reading.again.splice(0);
    while (!signal.aborted) {
      if (durable.reading !== reading.number) {
        throw new FreshetError("broken_chain", "another reader has the source");
      }
      for (const event of events.slice(durable.delivered)) {
        if (durable.pending.size >= limits.sourceInHandMax) break;
        durable.delivered = event.sequence;
        if (!isWanted(source, event)) continue;
        durable.pending.set(event.sequence, event);
        given.push(event);
      }
      if (given.length > 0) break;
      await Promise.race([this.#arrived.promise, aborted(signal)]);
    }
    const ack = ({ sequence }: RawEvent) => void durable.pending.delete(sequence);
    return given.map((event) => ({ ...event, ack: () => ack(event) }));
  }
}

interface Reading {
  readonly source: StreamSource;
  readonly durable: Durable;
  readonly events: readonly RawEvent[];
  readonly again: RawEvent[];
  readonly number: number;
}

const nameOf = ({ name, generation }: StreamSource): string => `${name}/${generation}`;

/** Subjects of tests: a whole one, or one that ends with `>`. */
function isWanted({ input }: StreamSource, { subject }: RawEvent): boolean {
  const wanted = input.subject ?? ">";
  return wanted.endsWith(">") ? subject.startsWith(wanted.slice(0, -1)) : subject === wanted;
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
