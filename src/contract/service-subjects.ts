/** Subjects of requests over NATS: what the micro service answers, and what tenants may publish. */

import type { TenantId } from "./ids.ts";

/** Questions have a root of their own. */
export const questionRoot = "query";
/** Everything else that can be asked for: `api.<tenant>.<endpoint>`. */
export const apiRoot = "api";

/** What `api.<tenant>.` may be followed by; `cancel` ends a request and is never answered. */
export const apiEndpoints = [
  "search",
  "publish",
  "document",
  "status",
  "listen",
  "feedback",
] as const;
export type ApiEndpoint = (typeof apiEndpoints)[number];
export const cancelToken = "cancel";

/**
 * Where the server says that a piece of a streamed reply found nobody. A node hears its own only,
 * and no tenant may publish there.
 */
export const goneRoot = "freshet.gone";

export const questionSubject = (tenant: TenantId): string => `${questionRoot}.${tenant}`;

/** All endpoints of a tenant, and its cancels. */
export const apiSubjects = (tenant: TenantId): string => `${apiRoot}.${tenant}.*`;

/** The same of every tenant, for who answers them. */
export const everyQuestion = `${questionRoot}.*`;
export const everyApiSubject = `${apiRoot}.*.*`;
