/**
 * What a document costs when several engines share the partitions. Of the engines' own CPU time: on
 * the two cores of a bench more engines cannot be faster, they can only cost more.
 */

import { connect } from "nats";
import { tenantId } from "../../src/contract/ids.ts";
import type { BenchContext } from "./context.ts";
import { startBenchEngine } from "./engine.ts";
import { roundsMin } from "./interleave.ts";
import { measured, type Row } from "./report.ts";
import { median } from "./stats.ts";
import { cpuMsOf } from "./tenants-engine.ts";
import { loadDocuments } from "./texts.ts";

const nodeCounts = [1, 2, 3];
/** Enough that each engine owns some of them. */
const tenants = Array.from({ length: 32 }, (_, index) => tenantId(`spread-${index}`));
const documentsPerRound = 160;
const textChars = 100;

export async function nodesRows(context: BenchContext): Promise<readonly Row[]> {
  const costs = new Map<number, readonly number[]>();
  for (const nodes of nodeCounts) {
    context.say(`${nodes} engines`);
    costs.set(nodes, await documentCosts(context, nodes));
  }
  const one = median(costs.get(1) ?? []);
  return [...costs].map(([nodes, values]) =>
    measured({
      // One engine is what the others are measured against, and has no target.
      ...{ name: `growth.${nodes === 1 ? "smallest." : ""}document_cpu_ms.nodes_${nodes}` },
      unit: "ms",
      ...{ value: median(values), against: nodes === 1 ? null : one },
      ...{ p50: median(values), p99: Math.max(...values), n: values.length },
    }),
  );
}

/** Milliseconds of CPU of all engines together, for each document, once a round. */
async function documentCosts(context: BenchContext, nodes: number): Promise<readonly number[]> {
  const texts = (await loadDocuments(context)).map(({ text }) => text.slice(0, textChars));
  const bench = await startBenchEngine(context, { nodes });
  const nats = await connect({ servers: bench.natsUrl });
  try {
    let published = 0;
    let visible = 0;
    let allVisible = (): void => undefined;
    nats.subscribe("events.*", {
      callback: () => {
        visible += 1;
        if (visible === published) allVisible();
      },
    });
    await nats.flush();
    const round = async (): Promise<void> => {
      const done = new Promise<void>((resolve) => {
        allVisible = resolve;
      });
      const first = published;
      published += documentsPerRound;
      for (let index = first; index < first + documentsPerRound; index += 1) {
        const text = `${index} ${texts[index % texts.length] ?? ""}`;
        const payload = JSON.stringify({ id: `document-${index}`, text });
        nats.publish(`docs.${tenants[index % tenants.length]}`, payload);
      }
      await done;
    };
    await round();
    const costs: number[] = [];
    for (let index = 0; index < roundsMin; index += 1) {
      costs.push((await cpuMsOfAll(bench.httpUrls, round)) / documentsPerRound);
    }
    return costs;
  } finally {
    await nats.close();
    await bench.stop();
  }
}

/** Each engine is asked around what the others are asked around. */
async function cpuMsOfAll(httpUrls: readonly string[], work: () => Promise<void>): Promise<number> {
  const [httpUrl, ...others] = httpUrls;
  if (httpUrl === undefined) {
    await work();
    return 0;
  }
  let ofOthers = 0;
  const own = await cpuMsOf({ httpUrl }, async () => {
    ofOthers = await cpuMsOfAll(others, work);
  });
  return own + ofOthers;
}
