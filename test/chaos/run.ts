/**
 * One chaos run: storms, in which publishers publish, readers read and the nemesis makes faults, and rests, in which all
 * of it heals and everything is checked once more, exhaustively.
 *
 *   CH1  replies are checked all the time, not only at rest: waiting first would hide what a recovery does wrong;
 *   CH2  a rest that is not reached in time is a violation: what never recovers loses nothing and is no use.
 */

import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type TenantId, tenantId } from "../../src/contract/ids.ts";
import { silentLogger, silentMetrics } from "../../src/contract/observation.ts";
import { openConnection } from "../../src/log/nats/connection.ts";
import { connectNatsLog, type NatsLog } from "../../src/log/nats/log.ts";
import { streamNames } from "../../src/log/nats/streams.ts";
import type { MergeClient } from "../../src/merges/port.ts";
import { connectTemporal } from "../../src/merges/temporal/client.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import { cacheWithTwoModels } from "../support/other-model.ts";
import { reembedCli } from "../support/reembed-cli.ts";
import type { Outcome } from "./burn-rate.ts";
import type { ChaosOptions } from "./chaos-options.ts";
import type { PlannedFault, PlannedKind } from "./faults.ts";
import { takeStep } from "./generations.ts";
import { History } from "./history.ts";
import { Nemesis } from "./nemesis.ts";
import { type Objectives, type ObjectivesResult, watchObjectives } from "./objectives.ts";
import { probe } from "./prober.ts";
import { publish } from "./publisher.ts";
import { type Random, seededRandom } from "./random.ts";
import { askOnce, chooseQuestion, type ReaderOptions } from "./reader.ts";
import { checkRest } from "./rest.ts";
import type { ChaosResult } from "./result.ts";
import { ChaosSite, confirmMs } from "./site.ts";
import { Truth } from "./truth.ts";

/** Quiet before, so that alerts are seen silent, and after, so that they are seen to end. */
const stormy = { from: 0.2, to: 0.55 } as const;
const partitions = 8;
const tailEveryMs = 300;
const readEveryMs = 20;
const answerMs = 120_000;
const reportEveryMs = 10_000;

export async function runChaos(options: ChaosOptions): Promise<ChaosResult> {
  mkdirSync(options.directory, { recursive: true });
  const begun = performance.now();
  const history = new History(join(options.directory, "history.ndjson"), () => Date.now());
  const cache = options.generations ? cacheWithTwoModels() : undefined;
  const site = new ChaosSite({
    ...options,
    env: {
      ...(cache === undefined ? {} : { FRESHET_CACHE_DIR: cache }),
      ...(options.observe === true ? { FRESHET_CANARY: "on" } : {}),
    },
    onNodeEnd: (target, { started, code }) => {
      history.note({ ended: target, started, code });
      if (started) history.violation("process", `${target} ended by itself with code ${code}`);
    },
  });
  const emergency = (): void => site.killAll();
  process.once("exit", emergency);
  let objectives: Objectives | undefined;
  try {
    await site.start();
    const { directory } = options;
    const engines = site.httpUrls;
    if (options.observe === true) objectives = await watchObjectives({ directory, engines });
    const run = await ChaosRun.open(options, { site, history, objectives });
    return await run.run(begun);
  } finally {
    await objectives?.stop();
    await site.stop();
    process.off("exit", emergency);
    if (cache !== undefined) rmSync(cache, { recursive: true, force: true });
  }
}

interface Looked {
  readonly site: ChaosSite;
  readonly history: History;
  readonly objectives: Objectives | undefined;
}

class ChaosRun {
  readonly #options: ChaosOptions;
  readonly #site: ChaosSite;
  readonly #history: History;
  readonly #objectives: Objectives | undefined;
  readonly #log: NatsLog;
  readonly #truth: Truth;
  readonly #merges: MergeClient;
  readonly #nemesis: Nemesis;
  readonly #random: Random;
  readonly #tenants: readonly TenantId[];
  readonly #reading: ReaderOptions;
  readonly #acked = new Map<TenantId, number>();
  #publishing = true;
  #ending = false;
  #rests = 0;
  #begunFaults = 0;
  #questions = 0;

  private constructor(
    options: ChaosOptions,
    parts: Looked & {
      readonly log: NatsLog;
      readonly truth: Truth;
      readonly merges: MergeClient;
      readonly tenants: readonly TenantId[];
    },
  ) {
    this.#options = options;
    const { site } = parts;
    this.#site = site;
    this.#history = parts.history;
    this.#objectives = parts.objectives;
    this.#log = parts.log;
    this.#truth = parts.truth;
    this.#merges = parts.merges;
    this.#tenants = parts.tenants;
    this.#random = seededRandom(options.seed);
    const { say } = options;
    this.#nemesis = new Nemesis({
      site,
      history: this.#history,
      loseRecords: () => this.#truth.loseRecords(),
      stepDown: (nth) => this.#stepDown(nth),
      leases: {
        drop: () => this.#untilAnswered(() => this.#truth.dropLeases()),
        keep: (always) => this.#untilAnswered(() => this.#truth.keepLeases(always)),
      },
      cancelMerge: (nth) => this.#cancelMerge(nth),
      generation: (nth) => this.#generation(nth),
      sleep,
      say: (line) => say(`  fault: ${line}`),
    });
    this.#reading = {
      random: this.#random.fork("readers"),
      tenants: this.#tenants,
      history: this.#history,
      engines: () => site.engines.map((name) => ({ name, url: site.httpUrl(name) })),
      lastAcked: (tenant) => this.#acked.get(tenant) ?? 0,
      floors: new Map(),
      lastPublished: () => this.#untilAnswered(() => this.#log.docs.lastSequence()),
      observe: (observation) => this.#truth.observe(observation),
      replied: (outcome) => this.#objectives?.sample("answers", outcome),
    };
  }

  static async open(options: ChaosOptions, looked: Looked): Promise<ChaosRun> {
    const { site, history } = looked;
    const shared = { clock: systemClock, logger: silentLogger };
    const servers = site.natsUrl;
    const replicas = options.natsServers;
    const log = await connectNatsLog({
      ...{ ...shared, servers, replicas },
      ...{ partitions, name: "chaos" },
    });
    const reports = { ...shared, metrics: silentMetrics };
    const context = await openConnection({ servers, name: "chaos-truth" }, reports);
    const merges = connectTemporal({
      ...shared,
      address: site.temporalAddress,
      namespace: "default",
      confirmMs,
    });
    const tenants = Array.from({ length: options.tenants }, (_, at) =>
      tenantId(`tenant-${at + 1}`),
    );
    const truth = new Truth({ context, log, history, tenants });
    return new ChaosRun(options, { ...looked, log, truth, merges, tenants });
  }

  async run(begun: number): Promise<ChaosResult> {
    const options = this.#options;
    const loops = this.#startLoops();
    let objectives: ObjectivesResult | undefined;
    try {
      await this.#storms();
      objectives = await this.#objectives?.judge();
      for (const line of objectives?.wrong ?? []) this.#history.violation("objective", line);
    } finally {
      this.#ending = true;
      await Promise.all(loops);
      await this.#merges.close();
      await this.#log.close();
      await this.#truth.close();
    }
    const { acked, refused, unknown } = this.#history.counts();
    return {
      seed: options.seed,
      nodes: options.nodes,
      natsServers: options.natsServers,
      weaviates: options.weaviates,
      tenants: options.tenants,
      seconds: Math.round((performance.now() - begun) / 1000),
      operations: { total: acked + refused + unknown, acked, refused, unknown },
      questions: { total: this.#questions, checked: this.#truth.answersChecked },
      faults: { total: this.#nemesis.total, ...Object.fromEntries(this.#nemesis.counts) },
      faultsBegun: this.#begunFaults,
      faultsSkipped: this.#nemesis.skipped,
      notPermitted: this.#site.canFillDisk ? [] : ["disk-full"],
      rests: this.#rests,
      objectives,
      violations: this.#history.violations,
    };
  }

  #startLoops(): readonly Promise<void>[] {
    const options = this.#options;
    const shouldContinue = (): boolean => !this.#ending;
    const loops = [this.#tail(), this.#report(), ...this.#probe()];
    for (let index = 1; index <= options.readers; index += 1) loops.push(this.#read());
    for (let index = 1; index <= options.publishers; index += 1) {
      const name = `p${index}`;
      const publisher = {
        name,
        random: this.#random.fork(name),
        tenants: this.#tenants,
        history: this.#history,
        docs: this.#log.docs,
        engines: () => this.#site.httpUrls,
        everyMs: options.publishEveryMs,
        onAcked: (tenant: TenantId, seq: number) => this.#heardOf(tenant, seq),
        sleep: (ms: number) => sleep(ms),
      };
      loops.push(publish(publisher, { shouldContinue, mayPublish: () => this.#publishing }));
    }
    return loops;
  }

  #probe(): readonly Promise<void>[] {
    const objectives = this.#objectives;
    if (objectives === undefined) return [];
    const engines = (): readonly string[] => this.#site.httpUrls;
    const sample = (outcome: Outcome): void => objectives.sample("freshness", outcome);
    return [probe({ partitions, engines, sample, isEnding: () => this.#ending })];
  }

  async #cancelMerge(nth: number): Promise<void> {
    const tenant = this.#tenants[nth % this.#tenants.length];
    if (tenant !== undefined) await this.#merges.cancel(tenant).catch(() => {}); // Temporal is in trouble too
  }

  async #generation(nth: number): Promise<boolean> {
    const [tenant] = this.#tenants;
    if (tenant === undefined) return false;
    const { say } = this.#options;
    const cli = reembedCli(this.#site.operatorEnv, tenant);
    const parts = { tenant, cli, say, history: this.#history, generations: this.#log.generations };
    return takeStep(parts, nth);
  }

  #heardOf(tenant: TenantId, seq: number): void {
    this.#acked.set(tenant, Math.max(this.#acked.get(tenant) ?? 0, seq));
  }

  async #storms(): Promise<void> {
    const { durationMs, stormMs, plan } = this.#options;
    const kinds: PlannedKind[] = ["kill", "freeze", "fail-point", "delay", "reset", "partition"];
    kinds.push("sleep", "clock-step", "cancel-merge");
    if (this.#options.generations) kinds.push("generation");
    if (this.#site.canFillDisk) kinds.push("disk-full");
    if (this.#options.natsServers > 1) kinds.push("step-down");
    if (this.#options.weaviates > 1) kinds.push("lose-disk");
    const faults = [...plan(kinds, this.#random.fork("nemesis"))];
    const beganAt = performance.now();
    const endsAt = beganAt + durationMs;
    const passed = (): number => (performance.now() - beganAt) / durationMs;
    const isStormy = (): boolean =>
      this.#options.observe !== true || (passed() >= stormy.from && passed() < stormy.to);
    let stormed = 0;
    while (performance.now() < endsAt && this.#history.violations.length === 0) {
      const storm = Math.min(stormMs, endsAt - performance.now());
      await this.#storm(faults, { from: stormed, to: stormed + storm, isStormy });
      stormed += storm;
      await this.#rest();
    }
  }

  async #storm(
    faults: PlannedFault[],
    { from, to, isStormy }: { from: number; to: number; isStormy: () => boolean },
  ): Promise<void> {
    const begun = performance.now();
    const stormNow = (): number => from + performance.now() - begun;
    while (stormNow() < to && this.#history.violations.length === 0) {
      const next = faults[0];
      const until = Math.min(next?.atMs ?? to, to, stormNow() + 1_000);
      if (next !== undefined && next.atMs <= stormNow()) {
        faults.shift();
        if (!isStormy()) continue;
        this.#begunFaults += 1;
        this.#nemesis.begin(next.fault);
        continue;
      }
      await sleep(Math.max(1, until - stormNow()));
    }
  }

  async #rest(): Promise<void> {
    this.#rests += 1;
    this.#options.say(`rest ${this.#rests}: healing`);
    await this.#nemesis.settle();
    this.#publishing = false;
    await checkRest({
      truth: this.#truth,
      log: this.#log,
      merges: this.#merges,
      history: this.#history,
      reading: this.#reading,
      tenants: this.#tenants,
      mergeTenant: this.#random.pick(this.#tenants),
      publishersAreDone: () => this.#publishersAreDone(),
      say: this.#options.say,
    });
    this.#publishing = true;
  }

  async #stepDown(nth: number): Promise<void> {
    const names = Object.values(streamNames);
    const subject = `$JS.API.STREAM.LEADER.STEPDOWN.${names[nth % names.length]}`;
    await this.#log.connection.request(subject, "", { timeout: 5_000 }).catch(() => {});
  }

  #publishersAreDone(): boolean {
    const { operations } = this.#history;
    return [...operations.keys()].every((id) => this.#history.outcomesOf(id).length > 0);
  }

  async #tail(): Promise<void> {
    while (!this.#ending) {
      await this.#truth.catchUp().catch(() => {}); // nats-server is down: the next round reads on
      await sleep(tailEveryMs);
    }
  }

  async #read(): Promise<void> {
    while (!this.#ending) {
      await askOnce(this.#reading, chooseQuestion(this.#reading));
      this.#questions += 1;
      await sleep(readEveryMs);
    }
  }

  async #report(): Promise<void> {
    const { say } = this.#options;
    let next = performance.now() + reportEveryMs;
    while (!this.#ending) {
      await sleep(200);
      if (performance.now() < next) continue;
      next += reportEveryMs;
      const { acked, unknown } = this.#history.counts();
      const { answersChecked } = this.#truth;
      const { violations } = this.#history;
      say(
        `${acked} acked, ${unknown} unknown, ${answersChecked} of ${this.#questions} replies checked, ` +
          `${this.#nemesis.total} faults, ${violations.length} violations`,
      );
    }
  }

  /** @throws what was thrown last, once it was asked for longer than any fault lasts */
  async #untilAnswered<Value>(ask: () => Promise<Value>): Promise<Value> {
    const until = performance.now() + answerMs;
    for (;;) {
      try {
        return await ask();
      } catch (thrown) {
        if (performance.now() > until) throw thrown;
        await sleep(200);
      }
    }
  }
}
