/** The activities of erases: functions of ports and one request, each idempotent. */

import type { EraseActivities } from "../../src/contract/erase.ts";
import { awaitDeletes } from "./awaiting.ts";
import { awaitConfirmed, finishDocument, lookForDocument, removeDocument } from "./document.ts";
import { finishDocuments, lookForDocuments, removeDocuments } from "./documents.ts";
import {
  beginErase,
  type ErasePorts,
  finishErase,
  lookForTenant,
  removeTenant,
  sealGenerations,
  stopMerges,
} from "./tenant.ts";

export function createEraseActivities(ports: ErasePorts): EraseActivities {
  return {
    beginErase: (request) => beginErase(ports, request),
    stopMerges: (request) => stopMerges(ports, request),
    sealTenant: (request) => sealGenerations(ports, request),
    removeTenant: (request) => removeTenant(ports, request),
    lookForTenant: (request) => lookForTenant(ports, request),
    finishErase: (request) => finishErase(ports, request),
    awaitConfirmed: (request) => awaitConfirmed(ports, request),
    removeDocument: (request) => removeDocument(ports, request),
    lookForDocument: (request) => lookForDocument(ports, request),
    finishDocument: (request) => finishDocument(ports, request),
    awaitDeletes: (request) => awaitDeletes(ports, request),
    removeDocuments: (request) => removeDocuments(ports, request),
    lookForDocuments: (request) => lookForDocuments(ports, request),
    finishDocuments: (request) => finishDocuments(ports, request),
  };
}
