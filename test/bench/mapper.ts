/** How fast a source's events become operations, against parsing their JSON and nothing else. */

import { limits } from "../../src/contract/limits.ts";
import type { PresetName } from "../../src/contract/source.ts";
import { createMapper } from "../../src/ingest/sources/mapper-thread.ts";
import type { RawEvent } from "../../src/ingest/sources/port.ts";
import { presets } from "../../src/ingest/sources/presets.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import type { BenchContext } from "./context.ts";
import { type BenchResult, measured, type Row } from "./report.ts";
import { median, percentile } from "./stats.ts";

const rounds = 15;
const batchesPerRound = 8;

interface Case {
  readonly name: string;
  readonly expression: string;
  readonly event: (n: number) => Omit<RawEvent, "sequence" | "atMs">;
}

const encode = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));
const note = "The customer called about an order that did not arrive; a new one is on its way. ";

const changeOfRow: Case["event"] = (n) => ({
  subject: "shop.public.orders",
  headers: { key: JSON.stringify({ id: n }) },
  payload: encode({
    op: n % 10 === 0 ? "d" : "u",
    before: { id: n },
    after: { id: n, customer: `c${n}`, status: "open", total: "12.50", note: note.repeat(4) },
    source: { db: "shop", schema: "public", table: "orders", ts_ms: 1_700_000_000_000 + n },
  }),
});

const presetCase = (name: PresetName, event: Case["event"]): Case => ({
  ...{ name, event },
  expression: presets[name].expression,
});

const cases: readonly Case[] = [
  presetCase("debezium", changeOfRow),
  presetCase("kafka", (n) => ({
    subject: "notes",
    headers: { kafka_topic: "notes", key: String(n) },
    payload: encode({ title: "A call", note: note.repeat(4), n }),
  })),
  presetCase("cloudevents", (n) => ({
    subject: "crm",
    headers: {},
    payload: encode({
      ...{ specversion: "1.0", id: String(n), source: "/crm", type: "crm.note.updated" },
      ...{ subject: `note/${n}`, data: { title: "A call", text: note.repeat(4) } },
    }),
  })),
  {
    name: "own",
    expression: `{"id": "orders/" & body.after.id, "text": body.after.note, "title": body.after.customer}`,
    event: (n) => ({ ...changeOfRow(n), payload: changeOfRow(n % 10 === 0 ? n + 1 : n).payload }),
  },
];

export async function benchMapper(context: BenchContext): Promise<BenchResult> {
  const rows: Row[] = [];
  for (const each of cases) {
    context.say(`${each.name}: ${rounds} rounds`);
    rows.push(await measure(each));
  }
  return {
    settings: {
      mapper: `CPU time; one thread, batches of ${limits.sourceInHandMax} events; against JSON.parse on the main thread`,
    },
    rows,
  };
}

async function measure({ name, expression, event }: Case): Promise<Row> {
  const mapper = createMapper({
    ...{ expression, options: {}, clock: systemClock },
    documentTextBytesMax: limits.documentTextBytesMax,
  });
  const events = Array.from({ length: limits.sourceInHandMax }, (_, n) => ({
    ...event(n),
    ...{ sequence: n + 1, atMs: 1_700_000_000_000 },
  }));
  const rates: number[] = [];
  const parsed: number[] = [];
  try {
    for (let round = 0; round <= rounds; round += 1) {
      const rate = await rateOf(async () => {
        const outcomes = await mapper.map(events);
        return outcomes.reduce((sum, outcome) => {
          if (outcome.kind !== "operations") throw new Error(`${name}: ${JSON.stringify(outcome)}`);
          return sum + outcome.operations.length;
        }, 0);
      });
      const bare = await rateOf(() => Promise.resolve(parseAll(events)));
      // The first round warms both up.
      if (round > 0) rates.push(rate);
      if (round > 0) parsed.push(bare);
    }
  } finally {
    await mapper.close();
  }
  return measured({
    name: `mapper.operations_per_s.${name}`,
    unit: "operations/s",
    value: median(rates),
    p50: median(rates),
    p99: percentile(rates, 0.01),
    n: rates.length,
    note: `parsing the same JSON: ${Math.round(median(parsed))}/s`,
  });
}

/** Per second of CPU time, of both threads: what one core does, whatever else the machine has to do. */
async function rateOf(batch: () => Promise<number>): Promise<number> {
  const begun = process.cpuUsage();
  let operations = 0;
  for (let n = 0; n < batchesPerRound; n += 1) operations += await batch();
  const { user, system } = process.cpuUsage(begun);
  return operations / ((user + system) / 1_000_000);
}

function parseAll(events: readonly RawEvent[]): number {
  const decoder = new TextDecoder();
  return events.filter(({ payload }) => JSON.parse(decoder.decode(payload)) !== null).length;
}
