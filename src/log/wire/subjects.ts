/**
 * Subjects of the log. One place, because a subject is also an address that others may publish to.
 */

import {
  isTenantId,
  type Partition,
  partition,
  type TenantId,
  tenantOf,
  type Version,
} from "../../contract/ids.ts";

// --- DOCS and CHUNKS ----------------------------------------------------------------------------

/** Where publishers publish; the server inserts the partition. */
export const publishSubject = (tenant: TenantId): string => `docs.${tenantOf(tenant)}`;

/** The first token of the subjects of DOCS and CHUNKS. */
export type TenantRoot = "docs" | "chunks";

/** Operations are the tenant's; each generation has records of its own. */
export const tenantSubject = (root: TenantRoot, at: Partition, tenant: TenantId): string =>
  `${root}.${at}.${root === "docs" ? tenantOf(tenant) : tenant}`;

export const partitionFilter = (root: TenantRoot, at: Partition): string => `${root}.${at}.>`;

/**
 * nats-server takes a publish to the literal subjects `docs.*` and `docs.>`, and its transform
 * leaves them as they are. They have no partition, so one of the partitions takes them in. As a
 * filter `docs.*` means just these two: a transformed subject has a token more.
 */
export const unplacedDocs = "docs.*";
export const unplacedPartition: Partition = partition(0);
export const isWildcard = (token: string): boolean => token === "*" || token === ">";

/** The tenant token of a stored subject: `docs.<partition>.<tenant>` and the like. */
export function tenantIn(subject: string): string {
  return subject.slice(subject.lastIndexOf(".") + 1);
}

// --- heads --------------------------------------------------------------------------------------

export const pieceSubject = (tenant: TenantId, digest: string): string =>
  `heads.${tenant}.${digest}`;

export const piecesFilter = (tenant: TenantId): string => `heads.${tenant}.*`;

// --- dead letters -------------------------------------------------------------------------------

/** A subject stays below nats-server's control line of 4 KiB, whatever token a publisher chose. */
const tokenBytesMax = 192;

/**
 * A tenant token that was never checked as one safe token of a subject. What is no tenant id
 * becomes `~` and base64url, so that it never meets one. A long one is cut: it stays a place to
 * look, and is no identity.
 */
function safeToken(token: string): string {
  // A generation's letters are its tenant's.
  const tenant = tenantOf(token as TenantId);
  if (isTenantId(tenant)) return tenant;
  const bytes = Buffer.from(tenant, "utf8").subarray(0, tokenBytesMax);
  return `~${bytes.toString("base64url")}`;
}

export const deadLetterSubject = (tenant: string, version: Version): string =>
  `dlq.${safeToken(tenant)}.${version}`;

export const deadLettersFilter = (tenant: string): string => `dlq.${safeToken(tenant)}.*`;

// --- manifests, and what lies beside them -------------------------------------------------------

/** Where the NATS command line looks for the keys of a store. */
export const manifestSubjects = "$KV.freshet_manifests";

const manifestPrefix = `${manifestSubjects}.tenant.`;
export const manifestSubject = (tenant: TenantId): string => `${manifestPrefix}${tenant}`;
export const manifestsFilter = `${manifestPrefix}*`;

export const identitySubject = `${manifestSubjects}.identity`;
export const modelSubject = `${manifestSubjects}.model`;
export const redactionSubject = `${manifestSubjects}.redaction`;
export const attemptsSubject = (tenant: TenantId): string =>
  `${manifestSubjects}.attempts.${tenant}`;
export const tokensSubject = (tenant: TenantId): string => `${manifestSubjects}.tokens.${tenant}`;
const lifePrefix = `${manifestSubjects}.life.`;
export const lifeSubject = (tenant: TenantId): string => `${lifePrefix}${tenantOf(tenant)}`;
export const livesFilter = `${lifePrefix}*`;
const privacyPrefix = `${manifestSubjects}.privacy.`;
export const privacySubject = (tenant: TenantId): string => `${privacyPrefix}${tenantOf(tenant)}`;
export const privacyFilter = `${privacyPrefix}*`;
export const generationsPrefix = `${manifestSubjects}.generations.`;
export const generationsSubject = (tenant: TenantId): string =>
  `${generationsPrefix}${tenantOf(tenant)}`;
export const generationsFilter = `${generationsPrefix}*`;
export const owedSubject = (tenant: TenantId): string => `${manifestSubjects}.letters.${tenant}`;

// --- leases -------------------------------------------------------------------------------------

export const leaseSubjects = "$KV.freshet_leases";
const nodePrefix = `${leaseSubjects}.node.`;

export const leaseSubject = (of: Partition): string => `${leaseSubjects}.${of}`;

/** A node's name may hold what a subject's token may not. */
export const nodeSubject = (name: string): string =>
  `${nodePrefix}${Buffer.from(name, "utf8").toString("base64url")}`;

/** The node that a subject announces; undefined for any other subject. */
export function nodeIn(subject: string): string | undefined {
  if (!subject.startsWith(nodePrefix)) return undefined;
  return Buffer.from(subject.slice(nodePrefix.length), "base64url").toString("utf8");
}

/** The partition whose lease a subject holds; undefined for any other subject. */
export function leasedPartitionIn(subject: string): Partition | undefined {
  const token = subject.slice(leaseSubjects.length + 1);
  return /^\d{1,6}$/.test(token) ? partition(Number(token)) : undefined;
}

// --- events -------------------------------------------------------------------------------------

/** Core NATS, stored nowhere. */
export const eventsSubject = (tenant: TenantId): string => `events.${tenantOf(tenant)}`;

// --- audit --------------------------------------------------------------------------------------

const auditRoot = "audit.";
export const auditSubjects = `${auditRoot}>`;

/** A node's name may hold what a subject's token may not. */
export function auditSubject(chain: string): string {
  if (isTenantId(chain)) return `${auditRoot}${chain}`;
  return `${auditRoot}~${Buffer.from(chain, "utf8").toString("base64url")}`;
}

/** The chain that a subject belongs to; any other subject stands for one that is never right. */
export function auditChainIn(subject: string): string {
  const token = subject.slice(auditRoot.length);
  if (!token.startsWith("~")) return token;
  return Buffer.from(token.slice(1), "base64url").toString("utf8");
}

// --- feedback -----------------------------------------------------------------------------------

const feedbackRoot = "freshet.feedback.";
export const feedbackSubjects = `${feedbackRoot}*`;
export const feedbackSubject = (tenant: TenantId): string => `${feedbackRoot}${tenantOf(tenant)}`;
