/** What an erase is at, from its workflow. */

import { type Client, WorkflowFailedError, WorkflowNotFoundError } from "@temporalio/client";
import type { EraseState } from "../../contract/operations.ts";
import type { SignedReceipt } from "../../contract/receipt.ts";
import { fromFailure } from "./failures.ts";

/** Null when Temporal knows none of that id, or has forgotten it. */
export async function eraseStateOf(client: Client, id: string): Promise<EraseState | null> {
  const handle = client.workflow.getHandle(id);
  try {
    if ((await handle.describe()).status.name === "RUNNING") return { state: "running" };
    return { state: "ended", receipt: (await handle.result()) as SignedReceipt };
  } catch (thrown) {
    if (thrown instanceof WorkflowNotFoundError) return null;
    if (!(thrown instanceof WorkflowFailedError)) throw thrown;
    const error = fromFailure(thrown);
    const ended = "the erase was ended from outside";
    return {
      state: "failed",
      reason: error?.code ?? "cancelled",
      message: error?.message ?? ended,
    };
  }
}
