/**
 * The workflows `erase/<tenant>` and `erase/<tenant>/<version>`. An erase has no end but success:
 * its steps are repeated for as long as a store is away, and Temporal UI shows which one it is.
 */

import { proxyActivities, sleep } from "@temporalio/workflow";
import type {
  EraseActivities,
  EraseDocumentInput,
  EraseDocumentsInput,
  EraseInput,
} from "../src/contract/erase.ts";
import { limits } from "../src/contract/limits.ts";
import type { SignedReceipt } from "../src/contract/receipt.ts";
import { eraseDocumentStory, eraseDocumentsStory, eraseTenantStory } from "./erase-story.ts";

const steps = proxyActivities<EraseActivities>({
  startToCloseTimeout: limits.eraseActivityMs,
  heartbeatTimeout: limits.mergeHeartbeatMs,
  retry: {
    initialInterval: limits.erasePauseMinMs,
    backoffCoefficient: 2,
    maximumInterval: limits.erasePauseMaxMs,
  },
});

export function eraseTenant(input: EraseInput): Promise<SignedReceipt> {
  return eraseTenantStory(steps, input, (ms) => sleep(ms));
}

export function eraseDocument(input: EraseDocumentInput): Promise<SignedReceipt> {
  return eraseDocumentStory(steps, input, (ms) => sleep(ms));
}

export function eraseDocuments(input: EraseDocumentsInput): Promise<SignedReceipt> {
  return eraseDocumentsStory(steps, input, (ms) => sleep(ms));
}
