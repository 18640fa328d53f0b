/** What operators may do over HTTP, of the log's and Temporal's clients that the engine has. */

import { FreshetError } from "../contract/errors.ts";
import type { TenantId, Version } from "../contract/ids.ts";
import type { MergeState, Operations, ReplayResult, ShownLetter } from "../contract/operations.ts";
import { pageOf } from "../log/dead-letter-pages.ts";
import type { DeadLetter, DeadLetterLog } from "../log/dead-letter-port.ts";
import { type Replayed, type ReplayLog, replay } from "../log/dead-letter-replay.ts";
import type { MergeClient } from "../merges/port.ts";

type SteeredMerges = Pick<
  MergeClient,
  "due" | "preview" | "pause" | "resume" | "cancel" | "progress" | "workflowUrl"
>;

export interface OperationsParts {
  readonly merges: SteeredMerges;
  readonly log: ReplayLog & { readonly deadLetters: Pick<DeadLetterLog, "list" | "get"> };
  /** Of Temporal UI; empty or undefined where there is none. */
  readonly uiUrl: string | undefined;
}

export function createOperations({ merges, log, uiUrl }: OperationsParts): Operations {
  const urlOf = (tenant: TenantId): Pick<MergeState, "url"> =>
    uiUrl === undefined || uiUrl === "" ? {} : { url: merges.workflowUrl(tenant, uiUrl) };
  const merge = async (tenant: TenantId): Promise<MergeState> => ({
    progress: await merges.progress(tenant),
    ...urlOf(tenant),
  });
  return {
    merge,
    async steer(tenant, action) {
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
    },
    async letters(tenant, { after, max }) {
      const { letters, next } = await pageOf(log.deadLetters, { tenant, max, after });
      return { letters: letters.map(shown), next: next ?? null };
    },
    async replay(tenant, seqs) {
      const letters: DeadLetter[] = [];
      for (const seq of new Set(seqs)) letters.push(await letterOf(log.deadLetters, tenant, seq));
      return (await replay(log, tenant, letters)).map(resultOf);
    },
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
