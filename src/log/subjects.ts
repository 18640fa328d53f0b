/** Subjects of the log. One place, because a subject is also an address that others may publish to. */

import type { Partition, TenantId, Version } from "../contract/ids.ts";
import { isTenantId } from "../contract/ids.ts";

/** A subject line must stay below nats-server's control line of 4 KiB, whatever a publisher chose as token. */
const tokenBytesMax = 192;

/**
 * A tenant token that nobody checked as one safe token of a subject. What is no tenant id becomes `~` and
 * base64url, so that it never meets one. A long one is cut: it stays a place to look, and is no identity.
 */
export function subjectToken(tenant: string): string {
  if (isTenantId(tenant)) return tenant;
  const bytes = Buffer.from(tenant, "utf8").subarray(0, tokenBytesMax);
  return `~${bytes.toString("base64url")}`;
}

/** Where publishers publish; the server inserts the partition. */
export const docsIn = (tenant: TenantId): string => `docs.${tenant}`;

export const docsOf = (partition: Partition, tenant: TenantId): string =>
  `docs.${partition}.${tenant}`;

export const docsOfPartition = (partition: Partition): string => `docs.${partition}.>`;

/**
 * nats-server takes a publish to the literal subjects `docs.*` and `docs.>`, and its transform leaves them as they are.
 * They have no partition, so one of the partitions takes them in. As a filter `docs.*` means just these two: whatever
 * was transformed has a token more.
 */
export const unplacedDocs = "docs.*";
export const unplacedPartition = 0 as Partition;
export const isWildcard = (token: string): boolean => token === "*" || token === ">";

export const chunksOf = (partition: Partition, tenant: TenantId): string =>
  `chunks.${partition}.${tenant}`;

export const chunksOfPartition = (partition: Partition): string => `chunks.${partition}.>`;

export const deadLetterOf = (tenant: string, version: Version): string =>
  `dlq.${subjectToken(tenant)}.${version}`;

export const deadLettersOf = (tenant: string): string => `dlq.${subjectToken(tenant)}.*`;

export const pieceOf = (tenant: TenantId, digest: string): string => `heads.${tenant}.${digest}`;

export const piecesOf = (tenant: TenantId): string => `heads.${tenant}.*`;

export const eventsOf = (tenant: TenantId): string => `events.${tenant}`;

/** The tenant token of a stored subject: `docs.<partition>.<tenant>` and the like. */
export function tenantIn(subject: string): string {
  return subject.slice(subject.lastIndexOf(".") + 1);
}
