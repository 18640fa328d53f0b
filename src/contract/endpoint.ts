/**
 * Webhooks that Freshet sends (Standard Webhooks): where a tenant's events go. An *endpoint* is one
 * such receiver; what comes in from other systems is a source (source.ts).
 */

import { z } from "zod";
import { FreshetError } from "./errors.ts";
import type { DocumentStatus, StoredEvent } from "./events.ts";
import { isTenantId, type TenantId, type Version } from "./ids.ts";
import { limits } from "./limits.ts";

/** Types of the events, by what became of the operation. */
export const eventTypes = {
  visible: "document.indexed",
  deleted: "document.deleted",
  rejected: "document.rejected",
  superseded: "document.superseded",
} as const satisfies Record<DocumentStatus, string>;

export type EventType = (typeof eventTypes)[DocumentStatus];
export const eventTypeNames = Object.values(eventTypes) as readonly EventType[];
/** Sent when somebody asks for it, and never by itself. */
export const testType = "webhook.test";

const idPattern = /^wh_[a-z0-9]{16}$/;
export const isEndpointId = (value: string): boolean => idPattern.test(value);

const urlSchema = z
  .string()
  .max(limits.endpointUrlCharsMax, `at most ${limits.endpointUrlCharsMax} characters`)
  .refine((value) => urlFault(value) === undefined, { error: (issue) => urlFault(issue.input) });

/** What is wrong with the address of a webhook; undefined when nothing is. */
export function urlFault(value: unknown): string | undefined {
  if (typeof value !== "string" || !URL.canParse(value))
    return "is no address that can be read; one is https://hooks.example.com/in";
  const { protocol, username, password, hash } = new URL(value);
  if (protocol !== "https:" && protocol !== "http:") return "a webhook's url is an https:// one";
  if (username !== "" || password !== "") return "a webhook's url has no user and no password";
  return hash === "" ? undefined : "a webhook's url has no #fragment";
}

const typesSchema = z
  .array(z.enum(eventTypeNames as [EventType, ...EventType[]]))
  .min(1, { error: "name at least one type of events" })
  .refine((types) => new Set(types).size === types.length, { error: "each type once" });

/** What an operator says of a new one. */
export const wantedEndpointSchema = z.strictObject({
  url: urlSchema.describe("where events are posted; `https://`, or an address that is allowed"),
  events: typesSchema.default([...eventTypeNames]).describe("which events; all of them by default"),
  note: z.string().max(limits.endpointNoteCharsMax).optional().describe("for people"),
  from_seq: z
    .int()
    .min(0)
    .optional()
    .describe("begin with this operation; by default with what is published from now on"),
});
export type WantedEndpoint = z.output<typeof wantedEndpointSchema>;

/**
 * Whether there may be one more.
 * @throws FreshetError limit_reached: asking again helps nobody, only a removal does
 */
export function checkEndpointRoom(there: {
  readonly ofTenant: number;
  readonly inAll: number;
}): void {
  const { endpointsPerTenantMax, endpointsMax } = limits;
  if (there.ofTenant >= endpointsPerTenantMax) {
    const told = `the tenant has ${endpointsPerTenantMax} webhooks, as many as it may: remove one`;
    throw new FreshetError("limit_reached", told);
  }
  if (there.inAll >= endpointsMax) {
    const told = `there are ${endpointsMax} webhooks, as many as there may be: remove one`;
    throw new FreshetError("limit_reached", told);
  }
}

const secretSchema = z.looseObject({
  value: z.string(),
  createdAtMs: z.int(),
  /** When it signs no more; absent of the newest. */
  endsAtMs: z.int().optional(),
});

/** `disabled`: the receiver said 410. */
export const endpointStatuses = ["active", "paused", "disabled"] as const;

/** As it is stored, with what a later Freshet adds. Who can read the bucket can sign. */
export const endpointSchema = z.looseObject({
  id: z.string().regex(idPattern),
  tenant: z.custom<TenantId>((value) => typeof value === "string" && isTenantId(value)),
  url: urlSchema,
  types: typesSchema,
  note: z.string().optional(),
  status: z.enum(endpointStatuses),
  /** Why it is not active. */
  reason: z.string().optional(),
  createdAtMs: z.int(),
  /** Newest first, two while they change: release 0.1 does not read a webhook that has more. */
  secrets: z.array(secretSchema).min(1).max(limits.endpointSecretsMax),
  /** Those before, while they still sign (`withSecrets`). */
  earlierSecrets: z.array(secretSchema).max(limits.endpointSecretsMax).optional(),
});
export type Endpoint = z.infer<typeof endpointSchema>;

/** An event that does not get through. */
const troubleSchema = z.looseObject({
  seq: z.int(),
  attempts: z.int(),
  sinceMs: z.int(),
  nextAtMs: z.int(),
  reason: z.string(),
});

/** How far an endpoint is: every event up to `after` is delivered, or not wanted. */
export const endpointStateSchema = z.looseObject({
  after: z.int(),
  delivered: z.int(),
  failed: z.int(),
  deliveredAtMs: z.int().optional(),
  trouble: troubleSchema.optional(),
});
export type EndpointState = z.infer<typeof endpointStateSchema>;

/** What a failed request was about; never what it said. */
export const endpointFailureSchema = z.object({
  seq: z.int().describe("of the operation whose event it was"),
  type: z.string().describe("of the event"),
  attempt: z.int().describe("1 for the first"),
  reason: z.string().describe("`status 503`, `timeout`, `address_refused`, ..."),
  at: z.string().describe("RFC 3339"),
});
export type EndpointFailure = z.infer<typeof endpointFailureSchema>;

const shownTrouble = z.object({
  seq: z.int().describe("of the operation whose event does not get through"),
  attempts: z.int().describe("how often it was tried"),
  reason: z.string().describe("of the last failure"),
  since: z.string().describe("when it failed first, RFC 3339"),
  next_at: z.string().describe("when it is tried again, RFC 3339"),
});

/** As people and programs see it: without its secrets. */
export const shownEndpointSchema = z.object({
  id: z.string().describe("names the webhook, `wh_...`"),
  tenant: z.string().describe("whose events"),
  url: z.string().describe("where events are posted"),
  events: z.array(z.string()).describe("types of events that are sent"),
  note: z.string().optional().describe("what somebody wrote down for people"),
  status: z
    .enum(endpointStatuses)
    .describe("`active`; `paused` by somebody or after the last attempt; `disabled` by a 410"),
  reason: z.string().optional().describe("why it is not active"),
  created_at: z.string().describe("RFC 3339"),
  after: z.int().describe("every event up to this `seq` is delivered, or not wanted"),
  delivered: z.int().describe("events that were delivered"),
  failed: z.int().describe("requests that failed"),
  delivered_at: z.string().optional().describe("of the last delivery, RFC 3339"),
  trouble: shownTrouble.optional().describe("the event that holds up the others; absent if none"),
  secrets: z
    .array(
      z.object({
        created_at: z.string().describe("RFC 3339"),
        ends_at: z.string().optional().describe("when it signs no more; absent of the newest"),
      }),
    )
    .describe("secrets that sign now, newest first; their values are shown once, when made"),
});
export type ShownEndpoint = z.infer<typeof shownEndpointSchema>;

export const endpointActions = ["pause", "resume", "rotate", "replay", "test"] as const;
export type EndpointAction = (typeof endpointActions)[number];

/** What one test request came to. */
export const endpointTestSchema = z.object({
  delivered: z.boolean().describe("whether the reply was a 2xx"),
  status: z.int().optional().describe("of the reply, where there was one"),
  reason: z.string().optional().describe("why it was not delivered"),
  ms: z.int().describe("how long it took"),
});
export type EndpointTest = z.infer<typeof endpointTestSchema>;

export const endpointChangedSchema = z.object({
  webhook: shownEndpointSchema.describe("as it is afterwards"),
  secret: z
    .string()
    .optional()
    .describe("`whsec_...`, after it was made by `add` or `rotate`; it is never shown again"),
  test: endpointTestSchema.optional().describe("after `test`"),
});
export type EndpointChanged = z.infer<typeof endpointChangedSchema>;

/** The body of a request to an endpoint. `version` is the document's, and `seq` of receipts. */
export interface DeliveredEvent {
  readonly type: EventType | typeof testType;
  /** When it was decided, by the log's clock, RFC 3339. */
  readonly timestamp: string;
  readonly data:
    | {
        readonly tenant: string;
        readonly id: string | null;
        readonly version: number;
        /** In the tenant's events: what `from_seq` of GET /v1/events continues after. */
        readonly position: number;
        readonly reason?: string | undefined;
        readonly message?: string | undefined;
      }
    | { readonly tenant: string; readonly webhook: string };
}

export function deliveredEvent(tenant: TenantId, event: StoredEvent): DeliveredEvent {
  const { id, seq, status, reason, message, at } = event;
  const why = reason === undefined ? {} : { reason, message };
  const data = { tenant, id, version: seq, position: seq, ...why };
  return { type: eventTypes[status], timestamp: at, data };
}

/** The same for each attempt, and for a replay: by it a receiver knows what it had before. */
export function deliveryId({ id }: Pick<Endpoint, "id">, seq: Version | number): string {
  return `msg_${id.slice("wh_".length)}_${seq}`;
}

/** Those that sign at a time, newest first. */
export function secretsAt(
  { secrets, earlierSecrets = [] }: Endpoint,
  nowMs: number,
): Endpoint["secrets"] {
  return [...secrets, ...earlierSecrets].filter(
    ({ endsAtMs }) => endsAtMs === undefined || endsAtMs > nowMs,
  );
}

/** With these, newest first, where each release finds as many as it knows. */
export function withSecrets(
  { earlierSecrets: _, ...endpoint }: Endpoint,
  all: Endpoint["secrets"],
): Endpoint {
  const [secrets, earlierSecrets] = [all.slice(0, 2), all.slice(2)];
  return { ...endpoint, secrets, ...(earlierSecrets.length === 0 ? {} : { earlierSecrets }) };
}

export function signingSecrets(endpoint: Endpoint, nowMs: number): readonly string[] {
  return secretsAt(endpoint, nowMs).map(({ value }) => value);
}

/** One request. */
export interface EndpointPost {
  readonly url: string;
  readonly id: string;
  readonly secrets: readonly string[];
  readonly atMs: number;
  readonly body: string;
  readonly signal?: AbortSignal | undefined;
}

/** `refused`: not even tried, because the address is not one that may be reached. */
export type EndpointReply =
  | { readonly kind: "delivered"; readonly status: number }
  | { readonly kind: "gone"; readonly status: number }
  | {
      readonly kind: "failed";
      readonly status?: number | undefined;
      readonly reason: string;
      readonly retryAfterMs?: number | undefined;
    };

/** Never throws, but for the signal's reason. */
export type PostToEndpoint = (post: EndpointPost) => Promise<EndpointReply>;

/** What operators do with a tenant's webhooks. All throw what the log throws while it is away. */
export interface Endpoints {
  list(tenant: TenantId): Promise<readonly ShownEndpoint[]>;
  /** @throws FreshetError not_found */
  show(tenant: TenantId, id: string): Promise<ShownEndpoint>;
  /** @throws FreshetError invalid_request, overloaded (too many) */
  add(tenant: TenantId, wanted: WantedEndpoint): Promise<EndpointChanged>;
  /** @throws FreshetError not_found */
  remove(tenant: TenantId, id: string): Promise<void>;
  /**
   * `fromSeq`: of a replay, the first event that is sent again.
   * @throws FreshetError not_found, invalid_request
   */
  change(
    tenant: TenantId,
    id: string,
    change: { readonly action: EndpointAction; readonly fromSeq?: number | undefined },
  ): Promise<EndpointChanged>;
  /** Newest first. @throws FreshetError not_found */
  failures(tenant: TenantId, id: string): Promise<readonly EndpointFailure[]>;
}
