/** How the workflows of erases are started. Pure. */

import {
  type Deletes,
  type EraseDocumentInput,
  type EraseDocumentsInput,
  type EraseInput,
  eraseNames,
  eraseWorkflowId,
} from "../../contract/erase.ts";
import { noVersion, type TenantId } from "../../contract/ids.ts";

export interface EraseStart {
  readonly type: string;
  readonly workflowId: string;
  readonly input: EraseInput | EraseDocumentInput | EraseDocumentsInput;
}

interface Settings {
  readonly deployment?: string | undefined;
  readonly confirmMs?: number | undefined;
}

export function tenantErase(tenant: TenantId, { deployment, confirmMs }: Settings): EraseStart {
  const input: EraseInput = {
    tenant,
    ...(deployment === undefined ? {} : { deployment }),
    ...(confirmMs === undefined ? {} : { settleMs: confirmMs }),
  };
  return { type: eraseNames.workflow, workflowId: eraseWorkflowId(tenant), input };
}

/** One document is erased as in every release, so that a worker of an earlier one can do it. */
export function documentsErase(
  tenant: TenantId,
  { versions, through }: Deletes,
  { deployment }: Settings,
): EraseStart {
  const [version = noVersion] = versions;
  const own = { tenant, through, ...(deployment === undefined ? {} : { deployment }) };
  const workflowId = eraseWorkflowId(tenant, version);
  if (versions.length > 1) {
    const input: EraseDocumentsInput = { ...own, versions };
    return { type: eraseNames.documentsWorkflow, workflowId, input };
  }
  const input: EraseDocumentInput = { ...own, version };
  return { type: eraseNames.documentWorkflow, workflowId, input };
}
