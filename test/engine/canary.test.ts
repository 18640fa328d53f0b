import { afterEach, describe, expect, it } from "vitest";
import type { PartitionState } from "../../actors/directory/directory.ts";
import { canaryTenants, isNamedCanary } from "../../src/contract/canary.ts";
import { FreshetError } from "../../src/contract/errors.ts";
import { partition, partitionOf, type TenantId, type Version } from "../../src/contract/ids.ts";
import { silentLogger } from "../../src/contract/observation.ts";
import type { Service } from "../../src/contract/service.ts";
import { type Canary, startCanary } from "../../src/engine/canary.ts";
import { createMetrics, type PromMetrics } from "../../src/observe/metrics.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import { createManualClock } from "../support/manual-clock.ts";
import { startMemoryEngine } from "../support/memory-engine.ts";
import { eventually } from "../support/promises.ts";

const partitions = 4;
const stops: (() => Promise<unknown> | unknown)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

interface Started {
  readonly metrics: PromMetrics;
  readonly published: { tenant: string; op: string; id: string }[];
  readonly canary: Canary;
  readonly service: Service;
}

function start(
  options: {
    readonly spoil?: (service: Service) => Partial<Service>;
    readonly stateOf?: () => PartitionState;
    readonly waitMs?: number;
  } = {},
): Started {
  const engine = startMemoryEngine({ partitions });
  const metrics = createMetrics();
  stops.push(
    () => engine.stop(),
    () => metrics.close(),
  );
  const published: Started["published"] = [];
  const service: Service = {
    ...engine.service,
    ask: (request) => engine.service.ask(request),
    publish: (tenant, message) => {
      const { op, id } = JSON.parse(Buffer.from(message.payload).toString()) as never;
      published.push({ tenant, op, id });
      return engine.service.publish(tenant, message);
    },
  };
  let words = 0;
  const canary = startCanary({
    service: { ...service, ...options.spoil?.(service) },
    tenants: canaryTenants(partitions),
    stateOf: options.stateOf ?? (() => "serving"),
    ...{ clock: systemClock, metrics, logger: silentLogger },
    word: () => `word${"abcdefghij"[((words += 1)) % 10]}`,
    everyMs: 40,
    waitMs: options.waitMs ?? 5_000,
  });
  stops.push(() => canary.stop());
  return { metrics, published, canary, service };
}

async function value(metrics: PromMetrics, series: string): Promise<number> {
  const line = (await metrics.metricsText()).split("\n").find((one) => one.startsWith(series));
  return Number(line?.split(" ").at(-1) ?? 0);
}

describe("the canary", () => {
  it("finds a document of its own in every partition, and deletes it", async () => {
    const { metrics, published, canary, service } = start();
    for (let each = 0; each < partitions; each += 1) {
      const labels = `partition="${each}"`;
      await eventually(async () => {
        const found = `freshet_canary_documents_total{${labels},outcome="found"}`;
        expect(await value(metrics, found)).toBeGreaterThan(1);
        const measured = `freshet_canary_visible_seconds_count{${labels}}`;
        expect(await value(metrics, measured)).toBeGreaterThan(1);
      });
    }
    await canary.stop();
    expect(await metrics.metricsText()).not.toMatch(/^freshet_canary_failures_total\{/m);
    expect(new Set(published.map(({ id }) => id))).toEqual(new Set(["canary"]));
    expect(published.some(({ op }) => op === "delete")).toBe(true);
    // What a round leaves behind is one document at most, and the next one takes it over (KC3).
    for (const tenant of canaryTenants(partitions).values()) {
      const { documents } = await service.documents({ tenant }, { limit: 10 });
      expect(documents.length).toBeLessThanOrEqual(1);
    }
  });

  it("counts the step that fails, and the document as failed", async () => {
    const { metrics } = start({
      spoil: () => ({ publish: () => Promise.reject(new FreshetError("log_unavailable")) }),
    });
    await eventually(async () => {
      const failed = 'freshet_canary_documents_total{partition="0",outcome="failed"}';
      expect(await value(metrics, failed)).toBeGreaterThan(1);
      const step = 'freshet_canary_failures_total{partition="0",step="publish"}';
      expect(await value(metrics, step)).toBeGreaterThan(1);
    });
    expect(await value(metrics, 'freshet_canary_visible_seconds_count{partition="0"}')).toBe(0);
  });

  it("counts an answer without the document as a failure to find it", async () => {
    const { metrics } = start({
      spoil: (service) => ({
        ask: async (request) => ({ ...(await service.ask(request)), sources: [] }),
      }),
    });
    await eventually(async () => {
      const step = 'freshet_canary_failures_total{partition="1",step="find"}';
      expect(await value(metrics, step)).toBeGreaterThan(1);
    });
  });

  it("gives up on a service that never answers, and goes on (KC1)", async () => {
    const { metrics } = start({ spoil: () => ({ ask: () => new Promise(() => {}) }), waitMs: 30 });
    await eventually(async () => {
      const failed = 'freshet_canary_documents_total{partition="2",outcome="failed"}';
      expect(await value(metrics, failed)).toBeGreaterThan(2);
    });
  });

  it("measures no partition that is another node's, and one of its own that is not here (KC2)", async () => {
    let state: PartitionState = "waiting";
    const { metrics, published } = start({ stateOf: () => state });
    await systemClock.sleep(150);
    expect(published).toEqual([]);
    state = "joining";
    await eventually(async () => {
      expect(
        await value(metrics, 'freshet_canary_documents_total{partition="3",outcome="found"}'),
      ).toBeGreaterThan(0);
    });
  });

  /** One partition, time by hand, and a service that takes `askMs` for each question in turn. */
  async function paced(
    askMs: readonly number[],
    waitMs: number,
  ): Promise<{ readonly page: (afterMs: number) => Promise<string> }> {
    const clock = createManualClock();
    const metrics = createMetrics();
    let asked = 0;
    const service: Pick<Service, "ask" | "publish"> = {
      publish: async () => ({ seq: (asked + 1) as Version, duplicate: false }),
      ask: async () => {
        const isDelete = asked % 2 === 1;
        const version = asked + 1;
        await clock.sleep(askMs[asked++] ?? 0);
        if (isDelete) throw new FreshetError("no_results");
        return { sources: [{ version }] } as never;
      },
    };
    const tenants = new Map([[partition(0), "canary" as TenantId]]);
    const canary = startCanary({
      ...{ service, tenants, clock, metrics, logger: silentLogger, waitMs, everyMs: 15_000 },
      stateOf: () => "serving",
      word: () => "word",
    });
    stops.push(
      () => canary.stop(),
      () => metrics.close(),
    );
    return {
      async page(afterMs) {
        await clock.advance(afterMs);
        return metrics.metricsText();
      },
    };
  }

  it("begins all its series at zero (KC6)", async () => {
    const { page } = await paced([], 30_000);
    const text = await page(0);
    for (const outcome of ["found", "failed"]) {
      expect(text).toContain(`freshet_canary_documents_total{partition="0",outcome="${outcome}"} `);
    }
    expect(text).toContain('freshet_canary_visible_seconds_bucket{le="1",partition="0"} ');
  });

  it("counts what was due during a slow one as documents that waited as long (KC5)", async () => {
    // Found after 40 s: those due at 15 and 30 s would have waited for 25 and 10 s.
    const { page } = await paced([40_000, 0, 0, 0], 60_000);
    const text = await page(50_000);
    expect(text).toContain('freshet_canary_documents_total{partition="0",outcome="found"} 4');
    expect(text).toContain('freshet_canary_documents_total{partition="0",outcome="failed"} 0');
    expect(text).toContain('freshet_canary_visible_seconds_bucket{le="1",partition="0"} 1');
    expect(text).toContain('freshet_canary_visible_seconds_bucket{le="10",partition="0"} 2');
    expect(text).toContain('freshet_canary_visible_seconds_sum{partition="0"} 75');
  });

  it("counts what was due during one that failed as failed, and keeps its pace (KC5)", async () => {
    // Given up after 30 s, and its delete after 30 s more: due at 0, 15, 30 and 45 s.
    const { page } = await paced([90_000, 90_000], 30_000);
    const text = await page(60_000);
    expect(text).toContain('freshet_canary_documents_total{partition="0",outcome="failed"} 4');
    expect(await page(10_000)).toContain(
      'freshet_canary_documents_total{partition="0",outcome="found"} 1',
    );
  });

  it("stops in the middle of a round, and counts nothing of it (KC4)", async () => {
    const { metrics, canary } = start({ spoil: () => ({ ask: () => new Promise(() => {}) }) });
    await systemClock.sleep(60);
    await canary.stop();
    expect(await metrics.metricsText()).not.toMatch(/^freshet_canary_documents_total\{.* [1-9]/m);
  });
});

describe("the canary's tenants", () => {
  it.each([1, 2, 8, 1_024])(
    "are one in each of %i partitions, the same for every node",
    (count) => {
      const tenants = canaryTenants(count);
      expect([...tenants.keys()].sort((a, b) => a - b)).toEqual(
        Array.from({ length: count }, (_, index) => partition(index)),
      );
      for (const [place, tenant] of tenants) {
        expect(partitionOf(tenant, count)).toBe(place);
        expect(isNamedCanary(tenant)).toBe(true);
      }
      expect(canaryTenants(count)).toEqual(tenants);
    },
  );

  it("share one label, so that they are no users in a metric", async () => {
    const metrics = createMetrics();
    for (const tenant of canaryTenants(8).values() as Iterable<TenantId>) {
      metrics.count("questions_total", { tenant, outcome: "answered" });
    }
    const text = await metrics.metricsText();
    metrics.close();
    expect(text).toContain('freshet_questions_total{tenant="canary",outcome="answered"} 8');
  });
});
