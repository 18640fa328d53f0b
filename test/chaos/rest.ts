/** A rest: everything is healed, nobody publishes; what was promised must now be there, all of it. */

import { setTimeout as sleep } from "node:timers/promises";
import { fedNames } from "../../src/contract/generation.ts";
import type { TenantId } from "../../src/contract/ids.ts";
import { isWhole } from "../../src/contract/query.ts";
import type { Log } from "../../src/log/port.ts";
import type { MergeClient } from "../../src/merges/port.ts";
import type { History } from "./history.ts";
import { bucketName, bucketsPerTenant } from "./operations.ts";
import { askOnce, type ReaderOptions } from "./reader.ts";
import type { Truth } from "./truth.ts";

export interface RestOptions {
  readonly truth: Truth;
  readonly log: Log;
  readonly merges: MergeClient;
  readonly history: History;
  readonly reading: ReaderOptions;
  readonly tenants: readonly TenantId[];
  /** This tenant is merged whole and looked at again, so that all of it comes from cold. */
  readonly mergeTenant: TenantId;
  readonly publishersAreDone: () => boolean;
  readonly say: (line: string) => void;
}

/** Leases, back-offs, reconnects and a replay one after the other take less. */
const recoverMs = 120_000;
const pollMs = 250;

export async function checkRest(options: RestOptions): Promise<void> {
  const { truth, history, tenants, mergeTenant, merges, say } = options;
  if (!(await within(options, "publishers are done", async () => options.publishersAreDone())))
    return;
  for (const tenant of tenants) {
    const caughtUp = `${tenant} has a record of every operation`;
    const moved = (): unknown => truth.recordsOf(tenant);
    if (!(await within(options, caughtUp, () => isCaughtUp(options, tenant), moved))) return;
    if (!(await sweep(options, tenant))) return;
  }
  truth.checkPublishes();
  truth.checkNothingWaits();
  for (const tenant of tenants) {
    const whole = `${tenant} has a dead letter of every reject, and no other`;
    await within(options, whole, () => truth.lettersAreRight(tenant));
  }
  say(`  merging ${mergeTenant}`);
  const merged = await within(options, `${mergeTenant} merges`, async () => {
    const outcome = await merges.force(truth.answering(mergeTenant));
    return outcome.kind === "merged" || outcome.kind === "nothing";
  });
  if (merged) await sweep(options, mergeTenant);
  history.note({ rest: "done" });
}

async function isCaughtUp({ truth, log }: RestOptions, tenant: TenantId): Promise<boolean> {
  await truth.catchUp();
  const last = Number(await log.docs.lastVersion(tenant));
  const { generations } = await log.generations.get(tenant);
  // Each that is fed can take the other's place.
  return fedNames(tenant, generations).every((name) => truth.chainOf(name).lastVersion === last);
}

/** Every bucket answers, whole, and as of the newest operation. What it says is checked by the truth. */
async function sweep(options: RestOptions, tenant: TenantId): Promise<boolean> {
  const { truth, reading } = options;
  const minSeq = truth.oracle(tenant).last;
  for (let index = 0; index < bucketsPerTenant; index += 1) {
    const bucket = bucketName(index);
    const whole = await within(options, `${tenant}/${bucket} is answered whole`, async () => {
      const reply = await askOnce(reading, { tenant, bucket, minSeq });
      if (reply.kind === "failed") return false;
      const { result } = reply.observation;
      return result.kind === "nothing" || isWhole(result.cold);
    });
    if (!whole) return false;
  }
  await truth.catchUp();
  return true;
}

/**
 * Polls until the condition holds; a failure to look counts as "not yet". What is left may be much,
 * and three servers on one disk take long for each append: only what has not `moved` is stuck.
 */
async function within(
  { history, reading }: RestOptions,
  what: string,
  holds: () => Promise<boolean>,
  moved: () => unknown = () => 0,
): Promise<boolean> {
  let seen = moved();
  let deadline = performance.now() + recoverMs;
  let last = "it did not hold";
  while (performance.now() < deadline) {
    try {
      if (await holds()) return true;
    } catch (thrown) {
      last = thrown instanceof Error ? thrown.message : String(thrown);
    }
    if (moved() !== seen) deadline = performance.now() + recoverMs;
    seen = moved();
    await sleep(pollMs);
  }
  const said = await Promise.all(reading.engines().map(({ url }) => statusOf(url)));
  history.note({ stuck: what, engines: said });
  history.violation("recovery", `not within ${recoverMs / 1000} s: ${what} (${last})`);
  return false;
}

/** What an engine says of its tenants, for whoever looks for the reason afterwards. */
async function statusOf(url: string): Promise<unknown> {
  try {
    return await (await fetch(`${url}/v1/status`, { signal: AbortSignal.timeout(10_000) })).json();
  } catch (thrown) {
    return String(thrown);
  }
}
