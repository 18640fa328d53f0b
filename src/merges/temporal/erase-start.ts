/** How the workflows of erases are started. Pure. */

import {
  type EraseDocumentInput,
  type EraseInput,
  eraseNames,
  eraseWorkflowId,
} from "../../contract/erase.ts";
import type { TenantId } from "../../contract/ids.ts";
import type { EraseClient } from "../port.ts";

export interface EraseStart {
  readonly type: string;
  readonly workflowId: string;
  readonly input: EraseInput | EraseDocumentInput;
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

export function documentErase(
  tenant: TenantId,
  versions: Parameters<EraseClient["eraseDocument"]>[1],
  { deployment }: Settings,
): EraseStart {
  const input: EraseDocumentInput = {
    ...{ tenant, ...versions },
    ...(deployment === undefined ? {} : { deployment }),
  };
  const workflowId = eraseWorkflowId(tenant, versions.version);
  return { type: eraseNames.documentWorkflow, workflowId, input };
}
