/**
 * The steps of a tenant's erase. Each may be cut off anywhere and run again.
 *
 *   EA1  the name is refused before anything is removed, and the tombstone is written before the
 *        log is: from then on no owner can append, not even one that has slept through all of it;
 *   EA2  what is removed is counted before and looked for afterwards, by reading every store; the
 *        receipt says what was found, also by a workflow before this one, and is made only when
 *        nothing is left;
 *   EA3  there is one receipt: a repetition returns the one that is stored.
 */

import type {
  EraseBegun,
  EraseBounds,
  EraseInput,
  EraseRequest,
  FinishEraseRequest,
  TenantSources,
} from "../../src/contract/erase.ts";
import { isNothing } from "../../src/contract/erase.ts";
import { FreshetError } from "../../src/contract/errors.ts";
import type { TenantId } from "../../src/contract/ids.ts";
import type { ErasureCounts, SignedReceipt, SignReceipt } from "../../src/contract/receipt.ts";
import { isErased } from "../../src/contract/tenant-life.ts";
import type { Erasable } from "../../src/log/erasure-port.ts";
import { changeLife } from "../../src/log/lives.ts";
import type { MergePorts } from "../context.ts";
import { countOther, otherNames, removeOther } from "./generations.ts";
import { sealTenant } from "./seal.ts";

export interface ErasePorts extends MergePorts {
  /** A step that waits fails after so many looks, to be repeated; undefined: it goes on looking. */
  readonly looksMax?: number | undefined;
  /** Absent where there are no sources, as in memory. */
  readonly sources?: TenantSources | undefined;
  /** Webhooks; absent where there are none. */
  readonly endpoints?: TenantSources | undefined;
  readonly sign: SignReceipt;
  readonly requestMerge: (tenant: TenantId) => Promise<void>;
  readonly cancelMerge: (tenant: TenantId) => Promise<unknown>;
}

export async function beginErase(ports: ErasePorts, { tenant }: EraseInput): Promise<EraseBegun> {
  const { log, clock } = ports;
  const { life: begun } = await changeLife(log.lives, tenant, (now) =>
    isErased(now) ? undefined : { state: "erasing", atMs: clock.nowMs() },
  );
  const known = begun.state === "erasing" ? begun.found : undefined;
  const found = known ?? (await withKeys(log, tenant, await countsOf(ports, tenant)));
  // EA2: who goes on after a workflow that was lost finds what that one has left.
  const { life } = await changeLife(log.lives, tenant, (now) =>
    now.state === "erasing" && now.found === undefined ? { ...now, found } : undefined,
  );
  if (life.state === "erased") return { atMs: life.atMs, found, receipt: life.receipt };
  if (life.state !== "erasing") throw new FreshetError("internal", "an erase did not begin");
  return { atMs: life.atMs, found: life.found ?? found };
}

/** A record may hold many keys, or none but how long raw text stays: keys are what is promised. */
async function withKeys(
  log: ErasePorts["log"],
  tenant: TenantId,
  { keys: _, ...found }: ErasureCounts,
): Promise<ErasureCounts> {
  const { privacy } = await log.privacy.get(tenant);
  const keys = privacy.keys?.length ?? 0;
  return { ...found, ...(keys === 0 ? {} : { keys }) };
}

/** What it has in hand ends before its next step, and no other begins (`createMergeActivities`). */
export async function stopMerges({ log, cancelMerge }: ErasePorts, { tenant }: EraseInput) {
  for (const name of [tenant, ...(await otherNames(log, tenant))]) await cancelMerge(name);
}

/** EA1, of each generation. */
export async function sealGenerations(
  ports: ErasePorts,
  request: EraseInput,
): Promise<EraseBounds> {
  for (const name of await otherNames(ports.log, request.tenant)) {
    await sealTenant(ports, { tenant: name });
  }
  return sealTenant(ports, request);
}

const whole: readonly Erasable[] = ["letters", "feedback", "operations", "heads", "manifests"];

export async function removeTenant(ports: ErasePorts, request: EraseRequest): Promise<void> {
  const { tenant, below } = request;
  const { log, cold, sources, endpoints } = ports;
  const signal = ports.signal();
  // First: without its keys nothing that was sealed can be read, wherever a copy of it lies.
  await log.erasure.remove({ tenant, of: "keys", signal });
  // What they bring is refused already, and they name the tenant.
  await sources?.eraseTenant(tenant);
  await endpoints?.eraseTenant(tenant);
  const onProgress = (done: number): void => ports.heartbeat({ done, total: done });
  for (const of of whole) await log.erasure.remove({ tenant, of, signal, onProgress });
  await log.erasure.remove({ tenant, of: "records", below: below.chunks, signal, onProgress });
  await cold.eraseTenant(tenant);
  for (const name of await otherNames(log, tenant)) await removeOther(ports, name);
}

/** EA2. What was published to the tenant since it was sealed is its partition's to remove. */
export function lookForTenant(ports: ErasePorts, request: EraseRequest): Promise<ErasureCounts> {
  return countsOf(ports, request.tenant, request.below);
}

async function countsOf(
  ports: ErasePorts,
  tenant: TenantId,
  below?: EraseBounds,
): Promise<ErasureCounts> {
  const { log, cold, sources, endpoints } = ports;
  const others = { records: 0, manifests: 0, heads: 0, cold: 0 };
  const keys = ["records", "manifests", "heads", "cold"] as const;
  for (const name of await otherNames(log, tenant)) {
    const found = await countOther(ports, name);
    for (const key of keys) others[key] += found[key];
  }
  const count = (of: Erasable, bound?: number): Promise<number> =>
    log.erasure.count({ tenant, of, below: bound });
  const destroyed = await count("keys");
  return {
    ...(destroyed === 0 ? {} : { keys: destroyed }),
    operations: await count("operations", below?.docs),
    records: others.records + (await count("records", below?.chunks)),
    manifests: others.manifests + (await count("manifests")),
    heads: others.heads + (await count("heads")),
    letters: await count("letters"),
    ...(sources === undefined ? {} : { sources: await sources.countOf(tenant) }),
    ...(endpoints === undefined ? {} : { webhooks: await endpoints.countOf(tenant) }),
    feedback: await count("feedback"),
    cold: others.cold + Number(await cold.hasTenant(tenant)),
  };
}

/** Said in every receipt: an erase that claims more than it does is worse than none. */
export const notCovered = [
  "backups and snapshots of NATS, Weaviate and Temporal that were made before",
  "bytes that retention or a full history removed from the log earlier: nats-server frees them " +
    "with their block",
  "Temporal histories, which hold the tenant's name, sequences and counts until their retention " +
    "ends",
  "log lines and metrics, which hold the tenant's name",
  "memory of a node that is cut off, until it hears of the erase or ends; it can answer nothing",
];

/** EA3. */
export async function finishErase(
  ports: ErasePorts,
  request: FinishEraseRequest,
): Promise<SignedReceipt> {
  const { tenant, below, begun } = request;
  const { log, clock } = ports;
  const left = await lookForTenant(ports, request);
  if (!isNothing(left)) throw new FreshetError("log_unavailable", "something is still there");
  await log.erasure.remove({ tenant, of: "generations" });
  const { life } = await changeLife(log.lives, tenant, (now) => {
    if (now.state === "erased") return undefined;
    const atMs = clock.nowMs();
    const receipt = ports.sign({
      format: 1,
      kind: "tenant",
      tenant,
      deployment: log.deployment,
      begun_at: new Date(begun.atMs).toISOString(),
      ended_at: new Date(atMs).toISOString(),
      found: begun.found,
      left,
      below,
      not_covered: notCovered,
    });
    return { state: "erased", atMs, receipt };
  });
  if (life.state !== "erased") throw new FreshetError("internal", "an erase did not end");
  return life.receipt;
}
