/** What every adapter of sources does: the store, and the streams that are read. */

import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type TenantId, tenantId } from "../../../src/contract/ids.ts";
import { limits } from "../../../src/contract/limits.ts";
import { noCounts, type SourceDefinition } from "../../../src/contract/source.ts";
import type {
  SourceDelivery,
  SourceReading,
  SourceStore,
  SourceStreams,
  StreamSource,
} from "../../../src/ingest/sources/port.ts";

export interface SourcesHarness {
  readonly store: SourceStore;
  readonly streams: SourceStreams;
  /** A stream for subjects `<name>.>`. */
  addStream(name: string): Promise<void>;
  publish(stream: string, subject: string, body: string): Promise<number>;
  /** The process that reads ends without a word. */
  crash(source: StreamSource): Promise<void>;
  close(): Promise<void>;
}

let generations = 0;

export function streamSource(name: string, stream: string, more: object = {}): StreamSource {
  generations += 1;
  return {
    ...{ name, tenant: "acme" as TenantId, expression: "body", options: {} },
    input: { kind: "stream", stream, start: "all", ...more },
    generation: String(generations).padStart(8, "0"),
    createdAtMs: 1_700_000_000_000,
  };
}

export function sourcesConformance(name: string, open: () => Promise<SourcesHarness>): void {
  describe(`sources in ${name}`, () => {
    let harness: SourcesHarness;
    const stop = new AbortController();
    const bodies = (deliveries: readonly SourceDelivery[]) =>
      deliveries.map(({ payload }) => new TextDecoder().decode(payload));
    /** As many as are wanted, however they come. */
    const take = async (reading: SourceReading, count: number): Promise<SourceDelivery[]> => {
      const taken: SourceDelivery[] = [];
      while (taken.length < count) taken.push(...(await reading.next(stop.signal)));
      return taken;
    };
    const publishSome = async (stream: string, count: number): Promise<void> => {
      for (let n = 1; n <= count; n += 1) await harness.publish(stream, `${stream}.a`, `e${n}`);
    };
    const names = (count: number, from = 1) =>
      Array.from({ length: count }, (_, index) => `e${index + from}`);

    beforeEach(async () => {
      harness = await open();
    });
    afterEach(() => harness.close());

    it("keeps one source of a name, and refuses another one while it is there (SO1)", async () => {
      const { store } = harness;
      const first = streamSource("one", "S");
      await store.add(first);
      await expect(store.add(streamSource("one", "T"))).rejects.toMatchObject({
        code: "invalid_request",
      });
      expect(await store.get("one")).toEqual(first);
      expect(await store.remove("one")).toBe(true);
      expect(await store.remove("one")).toBe(false);
      expect(await store.get("one")).toBeNull();
      await store.add(streamSource("one", "T"));
      expect((await store.list()).map((source) => source.name)).toEqual(["one"]);
    });

    it("shows a watcher what is there, and then each change (SO2)", async () => {
      const { store } = harness;
      await store.add(streamSource("a", "S"));
      const abort = new AbortController();
      const seen: string[] = [];
      const waiting = new Map<string, () => void>();
      const until = (wanted: string): Promise<void> =>
        new Promise((resolve) => {
          if (seen.at(-1) === wanted) resolve();
          else waiting.set(wanted, resolve);
        });
      const watching = (async () => {
        for await (const definitions of store.watch(abort.signal)) {
          const told = definitions.map((source: SourceDefinition) => source.name).join();
          seen.push(told);
          waiting.get(told)?.();
        }
      })();
      await until("a");
      await store.add(streamSource("b", "S"));
      await until("a,b");
      await store.remove("a");
      await until("b");
      abort.abort();
      await watching;
    });

    it("ends a watch that is left while it is being opened", async () => {
      const { store } = harness;
      await store.add(streamSource("a", "S"));
      const abort = new AbortController();
      const watching = (async () => {
        for await (const _ of store.watch(abort.signal));
      })();
      abort.abort();
      await watching;
    });

    it("forgets the state of an earlier source of the name", async () => {
      const { store } = harness;
      const first = streamSource("one", "S");
      const state = { node: "n", atMs: 5, settledAtMs: 4, counts: { ...noCounts, mapped: 3 } };
      await store.putState("one", { generation: first.generation, ...state });
      expect(await store.state(first)).toMatchObject(state);
      expect(await store.state(streamSource("one", "S"))).toBeNull();
    });

    it("keeps one dead letter of an event, the newest first", async () => {
      const { store } = harness;
      const source = streamSource("one", "S");
      const { generation, tenant } = source;
      const base = { source: "one", generation, tenant, subject: "s", atMs: 1 };
      for (const sequence of [3, 4, 4]) {
        await store.putLetter({ ...base, sequence, message: `m${sequence}` });
      }
      await store.putLetter({ ...base, sequence: 0, delivery: "x y/z", message: "hook" });
      const letters = await store.letters(source, 10);
      expect(letters.map(({ message }) => message)).toEqual(["hook", "m4", "m3"]);
      expect(await store.letters(source, 1)).toHaveLength(1);
      expect(await store.letters(streamSource("one", "S"), 10)).toEqual([]);
    });

    it("removes the state of a source, and not that of a later one of its name", async () => {
      const { store } = harness;
      const [first, second] = ["00000001", "00000002"].map((generation) => ({
        ...streamSource("one", "S"),
        generation,
      }));
      if (first === undefined || second === undefined) throw new Error();
      const stateOf = ({ generation }: typeof first) => ({
        ...{ generation, node: "n", atMs: 1, settledAtMs: 1, counts: noCounts },
      });
      await store.putState("one", stateOf(second));
      await store.removeState(first);
      expect(await store.state(second)).toMatchObject({ generation: "00000002" });
      await store.putState("one", stateOf(first));
      await store.removeState(first);
      await store.removeState(first);
      expect(await store.state(first)).toBeNull();
    });

    it("erases what is of a tenant, also what removed sources left, and nothing of others", async () => {
      const { store } = harness;
      const [mine, old, other] = ["mine", "old", "other"].map((name) => streamSource(name, "S"));
      if (mine === undefined || old === undefined || other === undefined) throw new Error();
      const foreign = { ...other, tenant: tenantId("foreign") };
      for (const source of [mine, old, foreign]) {
        await store.add(source);
        const { name, generation, tenant } = source;
        const letter = { source: name, generation, tenant, subject: "s", atMs: 1, sequence: 1 };
        await store.putLetter({ ...letter, message: "m" });
      }
      await store.remove("old");
      expect(await store.countOf(mine.tenant)).toBe(3);
      await store.eraseTenant(mine.tenant);
      await store.eraseTenant(mine.tenant);
      expect(await store.countOf(mine.tenant)).toBe(0);
      expect(await store.get("mine")).toBeNull();
      expect(await store.countOf(foreign.tenant)).toBe(2);
    });

    it("says which stream is not there", async () => {
      const source = streamSource("one", "nowhere");
      await expect(harness.streams.create(source)).rejects.toMatchObject({ code: "not_found" });
      await expect(harness.streams.open(source, stop.signal)).rejects.toMatchObject({
        code: "not_found",
      });
    });

    it("gives events out in the order of the stream, and those of its subject only (SF1)", async () => {
      await harness.addStream("in");
      await harness.publish("in", "in.a", "e1");
      await harness.publish("in", "in.b", "other");
      await harness.publish("in", "in.a", "e2");
      const source = streamSource("one", "in", { subject: "in.a" });
      const reading = await harness.streams.open(source, stop.signal);
      const taken = await take(reading, 2);
      expect(bodies(taken)).toEqual(["e1", "e2"]);
      expect(taken.map(({ sequence }) => sequence)).toEqual([1, 3]);
      expect(reading.isUnsure).toBe(false);
      for (const delivery of taken) delivery.ack();
      await reading.flush();
      expect(await harness.streams.progress(source)).toEqual({ sequence: 3, lag: 0 });
      await reading.close();
    });

    it("begins where the source says", async () => {
      await harness.addStream("in");
      await publishSome("in", 3);
      const after = streamSource("after", "in", { start: { after: 2 } });
      const later = streamSource("later", "in", { start: "new" });
      await harness.streams.create(later);
      await harness.publish("in", "in.a", "e4");
      const first = await harness.streams.open(after, stop.signal);
      expect(bodies(await take(first, 2))).toEqual(["e3", "e4"]);
      const second = await harness.streams.open(later, stop.signal);
      expect(bodies(await take(second, 1))).toEqual(["e4"]);
      await Promise.all([first.close(), second.close()]);
    });

    it("is not made to begin beyond the stream's end, where events to come would be left out", async () => {
      await harness.addStream("in");
      await publishSome("in", 3);
      const beyond = streamSource("beyond", "in", { start: { after: 4 } });
      await expect(harness.streams.create(beyond)).rejects.toMatchObject({
        code: "invalid_request",
        message: expect.stringContaining("ends at 3"),
      });
      expect(await harness.streams.progress(beyond)).toBeNull();
      await harness.streams.create(streamSource("end", "in", { start: { after: 3 } }));
    });

    it("gives what was not acknowledged to the next reading, in order, then what follows (SF2)", async () => {
      await harness.addStream("in");
      await publishSome("in", 6);
      const source = streamSource("one", "in");
      const first = await harness.streams.open(source, stop.signal);
      const taken = await take(first, 6);
      taken[0]?.ack();
      taken[3]?.ack();
      await first.flush();
      await first.close();
      await harness.publish("in", "in.a", "e7");
      const second = await harness.streams.open(source, stop.signal);
      expect(second.isUnsure).toBe(true);
      expect(bodies(await take(second, 5))).toEqual(["e2", "e3", "e5", "e6", "e7"]);
      await second.close();
    });

    it("gives out again what a killed reader had in hand, before what follows (SF1, SF2)", async () => {
      await harness.addStream("in");
      await publishSome("in", 4);
      const source = streamSource("one", "in");
      const first = await harness.streams.open(source, stop.signal);
      await take(first, 4);
      await harness.crash(source);
      await harness.publish("in", "in.a", "e5");
      const second = await harness.streams.open(source, stop.signal);
      expect(second.isUnsure).toBe(true);
      expect(bodies(await take(second, 5))).toEqual(names(5));
      await second.close();
    });

    it("has a bounded number of events out (SF3)", async () => {
      const max = limits.sourceInHandMax;
      await harness.addStream("in");
      await publishSome("in", max + 10);
      const reading = await harness.streams.open(streamSource("one", "in"), stop.signal);
      const taken = await take(reading, max);
      expect(bodies(taken)).toEqual(names(max));
      const waits = new AbortController();
      const more = reading.next(waits.signal);
      waits.abort();
      expect(await more).toEqual([]);
      for (const delivery of taken) delivery.ack();
      expect(bodies(await take(reading, 10))).toEqual(names(10, max + 1));
      await reading.close();
    });

    it("begins behind what was reached when its name was deleted, but not in another stream (NF5)", async () => {
      await harness.addStream("in");
      await publishSome("in", 4);
      const atMs = Date.now() + 60_000;
      for (const [reached, first] of [
        [{ sequence: 2, atMs }, "e3"],
        // The stream is younger, or ends before: it is not the one that was read.
        [{ sequence: 2, atMs: 1 }, "e1"],
        [{ sequence: 9, atMs }, "e1"],
      ] as const) {
        const source = streamSource("one", "in");
        const reading = await harness.streams.open(source, stop.signal, reached);
        expect(reading.isUnsure).toBe(first === "e3");
        expect(bodies(await take(reading, 1))[0]).toBe(first);
        await reading.close();
        await harness.streams.forget(source);
      }
    });

    it("forgets how far a source was read", async () => {
      await harness.addStream("in");
      await publishSome("in", 2);
      const source = streamSource("one", "in");
      await harness.streams.create(source);
      expect(await harness.streams.progress(source)).toEqual({ sequence: 0, lag: 2 });
      await harness.streams.forget(source);
      expect(await harness.streams.progress(source)).toBeNull();
      await harness.streams.forget(source);
    });
  });
}
