/** Pure: what an erase does, in order; the same under Temporal and in memory. */

import type {
  EraseActivities,
  EraseDocumentInput,
  EraseDocumentsInput,
  EraseInput,
} from "../src/contract/erase.ts";
import { isNothing } from "../src/contract/erase.ts";
import { limits } from "../src/contract/limits.ts";
import { type ErasureCounts, type SignedReceipt } from "../src/contract/receipt.ts";
import { backoffMs } from "../src/runtime/backoff.ts";

export type Sleep = (ms: number) => Promise<void>;

const pauses = { backoffMinMs: limits.erasePauseMinMs, backoffMaxMs: limits.erasePauseMaxMs };

/**
 * Two removals with a wait between: an attempt of a merge that was under way when the tenant was
 * sealed may have written once more, and has ended when the second one begins.
 */
export async function eraseTenantStory(
  steps: EraseActivities,
  input: EraseInput,
  sleep: Sleep,
): Promise<SignedReceipt> {
  const { tenant, deployment, settleMs = limits.mergeConfirmMs } = input;
  const begun = await steps.beginErase(input);
  if (begun.receipt !== undefined) return begun.receipt;
  await steps.stopMerges(input);
  const request = { tenant, deployment, below: await steps.sealTenant(input) };
  await steps.removeTenant(request);
  await sleep(settleMs);
  await untilGone(
    () => steps.removeTenant(request),
    () => steps.lookForTenant(request),
    sleep,
  );
  return steps.finishErase({ ...request, begun });
}

export async function eraseDocumentStory(
  steps: EraseActivities,
  input: EraseDocumentInput,
  sleep: Sleep,
): Promise<SignedReceipt> {
  const begun = await steps.awaitConfirmed(input);
  const request = { ...input, below: begun.below };
  await untilGone(
    () => steps.removeDocument(request),
    () => steps.lookForDocument(request),
    sleep,
  );
  return steps.finishDocument({ ...request, begun });
}

/** All of them share one wait for a merge, each pass over the stores, and the receipt. */
export async function eraseDocumentsStory(
  steps: EraseActivities,
  input: EraseDocumentsInput,
  sleep: Sleep,
): Promise<SignedReceipt> {
  const begun = await steps.awaitDeletes(input);
  const request = { ...input, below: begun.below };
  await untilGone(
    () => steps.removeDocuments(request),
    () => steps.lookForDocuments(request),
    sleep,
  );
  return steps.finishDocuments({ ...request, begun });
}

/** A step that fails is repeated by itself; this repeats what succeeds and is not enough. */
async function untilGone(
  remove: () => Promise<void>,
  look: () => Promise<ErasureCounts>,
  sleep: Sleep,
): Promise<void> {
  for (let round = 0; ; round += 1) {
    await remove();
    if (isNothing(await look())) return;
    await sleep(backoffMs(pauses, round));
  }
}
