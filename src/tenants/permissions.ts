/**
 * Who may publish and subscribe what on NATS. Pure.
 *
 * nats-server takes a list that is missing for "everything", so every user has all four: what is
 * allowed, publishing and subscribing, and what is denied besides. A deny repeats what the allow
 * list leaves out: it still holds when the allow list was extended by hand.
 */

import type { TenantId } from "../contract/ids.ts";
import {
  auditStream,
  feedbackStream,
  logStreams,
  restoreStream,
  sourceStreams,
  webhookStream,
} from "../contract/own-streams.ts";
import {
  apiRoot,
  apiSubjects,
  everyApiSubject,
  everyQuestion,
  goneRoot,
  questionRoot,
  questionSubject,
} from "../contract/service-subjects.ts";
import {
  eventsSubject,
  leaseSubjects,
  manifestSubjects,
  publishSubject,
} from "../log/wire/subjects.ts";

export interface SubjectList {
  readonly allow: readonly string[];
  readonly deny: readonly string[];
}

export interface Permissions {
  readonly publish: SubjectList;
  readonly subscribe: SubjectList;
}

/** Where a tenant's client hears answers, when it shares an account with others. */
export const inboxPrefix = (tenant: TenantId): string => `_INBOX.${tenant}`;

/** How a tenant's own account calls what is its own: the server knows whose it is. */
export const local = {
  ...{ docs: "docs", query: questionRoot, events: "events" },
  api: `${apiRoot}.*`,
} as const;

/** Streams, leases, peers, the server itself: nothing of it is any tenant's. */
const neverATenants = [
  "$JS.>",
  "$KV.>",
  "$O.>",
  "$SRV.>",
  "$SYS.>",
  "$NRG.>",
  "_R_.>",
  "_GR_.>",
  "chunks.>",
  "heads.>",
  "dlq.>",
  "audit.>",
  "freshet.>",
];

/** In an account of its own. */
export const accountPermissions: Permissions = {
  publish: {
    allow: [local.docs, local.query, local.api],
    deny: [
      ...[...neverATenants, "docs.>", "query.>", "api", "api.*.>", "events", "events.>"],
      "_INBOX.>",
    ],
  },
  subscribe: {
    allow: [local.events, "_INBOX.>"],
    deny: [...neverATenants, "docs", "docs.>", "query", "query.>", "api", "api.>", "events.>"],
  },
};

/** With the whole subjects, in an account of its own: every inbox there is the tenant's. */
export const staticPermissions = (tenant: TenantId): Permissions => wholeSubjects(tenant, "_INBOX");

/** With the whole subjects, in one account for all. */
export const tenantPermissions = (tenant: TenantId): Permissions =>
  wholeSubjects(tenant, inboxPrefix(tenant));

function wholeSubjects(tenant: TenantId, inbox: string): Permissions {
  return {
    publish: {
      allow: [publishSubject(tenant), questionSubject(tenant), apiSubjects(tenant)],
      deny: [...neverATenants, "events.>", "_INBOX.>"],
    },
    subscribe: {
      allow: [eventsSubject(tenant), `${inbox}.>`],
      deny: [...neverATenants, "docs.>", "query.>", "api.>"],
    },
  };
}

/** What Freshet does to a stream: makes, reads, changes and purges it. It never deletes one. */
const streamApi = (stream: string): readonly string[] => [
  `$JS.API.STREAM.INFO.${stream}`,
  `$JS.API.STREAM.CREATE.${stream}`,
  `$JS.API.STREAM.UPDATE.${stream}`,
  `$JS.API.STREAM.PURGE.${stream}`,
  `$JS.API.STREAM.MSG.GET.${stream}`,
  `$JS.API.STREAM.MSG.DELETE.${stream}`,
  ...consumerApi(stream),
];

const consumerApi = (stream: string): readonly string[] => [
  `$JS.API.CONSUMER.CREATE.${stream}`,
  `$JS.API.CONSUMER.CREATE.${stream}.>`,
  `$JS.API.CONSUMER.INFO.${stream}.*`,
  `$JS.API.CONSUMER.DELETE.${stream}.*`,
  `$JS.API.CONSUMER.MSG.NEXT.${stream}.*`,
];

/** A stream of others that a source reads under a durable name, with acks. */
const readApi = (stream: string): readonly string[] => [
  `$JS.API.STREAM.INFO.${stream}`,
  `$JS.API.CONSUMER.DURABLE.CREATE.${stream}.*`,
  ...consumerApi(stream),
  `$JS.ACK.${stream}.>`,
  `$JS.ACK.*.*.${stream}.>`,
];

export interface EngineRights {
  /** Streams of others that sources read. */
  readonly sourceStreams: readonly string[];
}

/** Engines, merge workers and the command line: all but answering. */
export function enginePermissions({ sourceStreams: others }: EngineRights): Permissions {
  return {
    publish: {
      allow: [
        "$JS.API.INFO",
        ...[...logStreams, ...sourceStreams, auditStream, feedbackStream, webhookStream].flatMap(
          streamApi,
        ),
        `$JS.API.STREAM.INFO.${restoreStream}`,
        "$JS.API.DIRECT.GET.KV_freshet_sources",
        "$JS.API.DIRECT.GET.KV_freshet_sources.>",
        `$JS.API.DIRECT.GET.${webhookStream}`,
        `$JS.API.DIRECT.GET.${webhookStream}.>`,
        ...others.flatMap(readApi),
        "$JS.FC.>",
        "docs.*",
        "chunks.*.*",
        "heads.*.*",
        "dlq.*.*",
        "audit.*",
        "events.*",
        everyQuestion,
        everyApiSubject,
        "freshet.peer.>",
        "freshet.feedback.*",
        "freshet.source.letters.>",
        `${manifestSubjects}.>`,
        `${leaseSubjects}.>`,
        "$KV.freshet_sources.>",
        "$KV.freshet_webhooks.>",
      ],
      deny: ["$SYS.>", "$O.>", "_INBOX.>", "_R_.>"],
    },
    subscribe: { allow: ["events.*", "_INBOX.>"], deny: ["$SYS.>"] },
  };
}

/** What answers tenants and peers: requests in, inboxes out, and nothing else. */
export const replyPermissions: Permissions = {
  publish: {
    // `_R_` is what the server makes of an inbox in another account.
    allow: ["_INBOX.>", "_R_.>"],
    deny: [
      "$JS.>",
      "$KV.>",
      "$SYS.>",
      "docs.>",
      "chunks.>",
      "heads.>",
      "dlq.>",
      "audit.>",
      "events.>",
    ],
  },
  subscribe: {
    allow: [everyQuestion, everyApiSubject, `${goneRoot}.>`, "freshet.peer.>", "$SRV.>"],
    deny: ["$SYS.>"],
  },
};

/** In the system account: tells servers what accounts there are, and hears what they say to it. */
export const claimsSubject = "$SYS.REQ.CLAIMS.UPDATE";
export const pushPermissions: Permissions = {
  publish: { allow: [claimsSubject], deny: ["$SYS.REQ.SERVER.>", "$SYS.REQ.ACCOUNT.>"] },
  subscribe: { allow: ["_INBOX.>"], deny: ["$SYS.>"] },
};
