/** What operators may do over HTTP, of the log's and Temporal's clients that the engine has. */

import { FreshetError } from "../contract/errors.ts";
import type { TenantId, Version } from "../contract/ids.ts";
import { limits } from "../contract/limits.ts";
import type {
  MergeAction,
  MergeState,
  Operations,
  ReplayResult,
  ShownLetter,
} from "../contract/operations.ts";
import { firstOf } from "../contract/tenant-privacy.ts";
import { pageOf } from "../log/dead-letter-pages.ts";
import type { DeadLetter, DeadLetterLog } from "../log/dead-letter-port.ts";
import { type Replayed, type ReplayLog, replay } from "../log/dead-letter-replay.ts";
import { type EraseLog, publishDeletes } from "../log/guard/erase-deletes.ts";
import type { EraseClient, MergeClient } from "../merges/port.ts";
import { FairShares } from "../runtime/fair-shares.ts";

type SteeredMerges = Pick<
  MergeClient,
  "due" | "preview" | "pause" | "resume" | "cancel" | "progress" | "workflowUrl"
> &
  Pick<EraseClient, "beginErase" | "eraseState">;

export interface OperationsParts {
  /** Rejects for a tenant that is erased or suspended. */
  readonly served: (tenant: TenantId) => Promise<void>;
  readonly merges: SteeredMerges;
  readonly log: ReplayLog &
    EraseLog & { readonly deadLetters: Pick<DeadLetterLog, "list" | "get"> };
  /** Of Temporal UI; empty or undefined where there is none. */
  readonly uiUrl: string | undefined;
}

/** Over clients that the engine has; every operation asks first whether the tenant is served. */
export function createOperations({ merges, log, uiUrl, served }: OperationsParts): Operations {
  const places = new FairShares({ total: limits.operationsInFlightMax });
  const inPlace = async <Value>(tenant: TenantId, work: () => Promise<Value>): Promise<Value> => {
    const share = places.tryTake(tenant);
    if (share === undefined) throw new FreshetError("overloaded", "too many operations at once");
    try {
      await served(tenant);
      return await work();
    } finally {
      share.release();
    }
  };
  const urlOf = (tenant: TenantId): Pick<MergeState, "url"> =>
    uiUrl === undefined || uiUrl === "" ? {} : { url: merges.workflowUrl(tenant, uiUrl) };
  const merge = async (tenant: TenantId): Promise<MergeState> => ({
    progress: await merges.progress(tenant),
    ...urlOf(tenant),
  });
  const steer = async (tenant: TenantId, action: MergeAction): Promise<MergeState> => {
    switch (action) {
      case "run":
        await merges.due(tenant, "operator");
        return merge(tenant);
      case "preview": {
        const plan = await merges.preview(tenant);
        return { ...(await merge(tenant)), plan };
      }
      case "pause":
      case "resume":
        return { progress: await merges[action](tenant), ...urlOf(tenant) };
      case "cancel":
        await merges.cancel(tenant);
        return merge(tenant);
    }
  };
  const again = async (tenant: TenantId, seqs: readonly Version[]) => {
    const letters: DeadLetter[] = [];
    for (const seq of new Set(seqs)) letters.push(await letterOf(log.deadLetters, tenant, seq));
    return (await replay(log, tenant, letters)).map(resultOf);
  };
  return {
    merge: (tenant) => inPlace(tenant, () => merge(tenant)),
    steer: (tenant, action) => inPlace(tenant, () => steer(tenant, action)),
    letters: (tenant, { after, max }) =>
      inPlace(tenant, async () => {
        const { letters, next } = await pageOf(log.deadLetters, { tenant, max, after });
        return { letters: letters.map(shown), next: next ?? null };
      }),
    replay: (tenant, seqs) => inPlace(tenant, () => again(tenant, seqs)),
    erase: (tenant, ids) =>
      inPlace(tenant, async () => {
        const deletes = await publishDeletes(log, { tenant, ids });
        await merges.beginErase(tenant, deletes);
        return { erase: firstOf(deletes.versions), documents: deletes.versions.length };
      }),
    eraseState: (tenant, first) =>
      inPlace(tenant, async () => {
        const state = await merges.eraseState(tenant, first);
        if (state === null) throw new FreshetError("not_found", `no erase is known as ${first}`);
        return state;
      }),
  };
}

async function letterOf(
  deadLetters: Pick<DeadLetterLog, "get">,
  tenant: TenantId,
  seq: Version,
): Promise<DeadLetter> {
  const letter = await deadLetters.get(tenant, seq);
  if (letter === null) throw new FreshetError("not_found", `there is no dead letter ${seq}`);
  return letter;
}

function shown({ version: seq, documentId: id, reason, message, atMs }: DeadLetter): ShownLetter {
  return { seq, id, reason, message, at: new Date(atMs).toISOString() };
}

function resultOf(result: Replayed): ReplayResult {
  const { seq } = result;
  return result.kind === "published" ? { seq, as: result.as } : { seq, skipped: result.why };
}
