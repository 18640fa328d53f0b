/**
 * Every bound on a queue, a retry, a cache, a time-out or a payload, with its unit and its reason:
 * one file a room in `limits/`, each with the relations that its numbers must keep. Constants of an
 * algorithm stand with the algorithm. Read them from here: `limits.recordBytesMax`.
 */

import { auditLimits, auditRelations } from "./limits/audit.ts";
import { backupLimits, backupRelations } from "./limits/backup.ts";
import { clusterLimits, clusterRelations } from "./limits/cluster.ts";
import { coldLimits } from "./limits/cold.ts";
import { documentLimits, documentRelations } from "./limits/documents.ts";
import { embeddingLimits, embeddingRelations } from "./limits/embedding.ts";
import { endpointLimits, endpointRelations } from "./limits/endpoints.ts";
import { feedbackLimits, feedbackRelations } from "./limits/feedback.ts";
import { formatLimits, formatRelations } from "./limits/formats.ts";
import { headsLimits, headsRelations } from "./limits/heads.ts";
import { logLimits, logRelations } from "./limits/log.ts";
import { memoryLimits, memoryRelations } from "./limits/memory.ts";
import { mergeLimits, mergeRelations } from "./limits/merges.ts";
import { modelLimits, modelRelations } from "./limits/models.ts";
import { observationLimits, observationRelations } from "./limits/observation.ts";
import { publishingLimits, publishingRelations } from "./limits/publishing.ts";
import { questionLimits, questionRelations } from "./limits/questions.ts";
import { quotaLimits, quotaRelations } from "./limits/quotas.ts";
import { runtimeLimits, runtimeRelations } from "./limits/runtime.ts";
import { sourceLimits, sourceRelations } from "./limits/sources.ts";
import { surfaceLimits, surfaceRelations } from "./limits/surfaces.ts";
import { tenantLimits, tenantRelations } from "./limits/tenants.ts";
import { textLimits, textRelations } from "./limits/text.ts";

export const limits = {
  ...documentLimits,
  ...textLimits,
  ...formatLimits,
  ...embeddingLimits,
  ...runtimeLimits,
  ...memoryLimits,
  ...logLimits,
  ...headsLimits,
  ...publishingLimits,
  ...clusterLimits,
  ...questionLimits,
  ...modelLimits,
  ...feedbackLimits,
  ...coldLimits,
  ...mergeLimits,
  ...surfaceLimits,
  ...sourceLimits,
  ...endpointLimits,
  ...quotaLimits,
  ...tenantLimits,
  ...auditLimits,
  ...observationLimits,
  ...backupLimits,
} as const;

/** What must hold between them, by room; test/contract/limits.test.ts checks it. */
export const limitRelations = {
  documents: documentRelations,
  text: textRelations,
  formats: formatRelations,
  embedding: embeddingRelations,
  runtime: runtimeRelations,
  memory: memoryRelations,
  log: logRelations,
  heads: headsRelations,
  publishing: publishingRelations,
  cluster: clusterRelations,
  questions: questionRelations,
  models: modelRelations,
  feedback: feedbackRelations,
  merges: mergeRelations,
  surfaces: surfaceRelations,
  sources: sourceRelations,
  endpoints: endpointRelations,
  quotas: quotaRelations,
  tenants: tenantRelations,
  audit: auditRelations,
  observation: observationRelations,
  backup: backupRelations,
} as const;
