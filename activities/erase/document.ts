/**
 * The steps of an erase of one document, as runs of every release name them: those of several, of a
 * list of one.
 */

import type {
  DocumentBegun,
  EraseDocumentInput,
  EraseDocumentRequest,
  FinishDocumentRequest,
} from "../../src/contract/erase.ts";
import type { ErasureCounts, SignedReceipt } from "../../src/contract/receipt.ts";
import { awaitDeletes } from "./awaiting.ts";
import { finishDocuments, lookForDocuments, removeDocuments } from "./documents.ts";
import type { ErasePorts } from "./tenant.ts";

const asList = <Request extends EraseDocumentInput>({ version, ...request }: Request) => ({
  ...request,
  versions: [version],
});

export async function awaitConfirmed(
  ports: ErasePorts,
  request: EraseDocumentInput,
): Promise<DocumentBegun> {
  const { documentsSha256, ...begun } = await awaitDeletes(ports, asList(request));
  return { ...begun, documentSha256: documentsSha256[0] ?? "" };
}

export function removeDocument(ports: ErasePorts, request: EraseDocumentRequest): Promise<void> {
  return removeDocuments(ports, asList(request));
}

export function lookForDocument(
  ports: ErasePorts,
  request: EraseDocumentRequest,
): Promise<ErasureCounts> {
  return lookForDocuments(ports, asList(request));
}

export function finishDocument(
  ports: ErasePorts,
  request: FinishDocumentRequest,
): Promise<SignedReceipt> {
  const { documentSha256, isShared = false, ...begun } = request.begun;
  const all = { ...begun, isShared, documentsSha256: [documentSha256] };
  return finishDocuments(ports, { ...asList(request), begun: all });
}
