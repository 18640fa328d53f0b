/** What operators do with webhooks, over the store: the same for HTTP and the command line. */

import {
  type Endpoint,
  type EndpointAction,
  type EndpointChanged,
  type EndpointState,
  type Endpoints,
  type EndpointTest,
  type PostToEndpoint,
  type ShownEndpoint,
  secretsAt,
  signingSecrets,
  testType,
  type WantedEndpoint,
  withSecrets,
} from "../contract/endpoint.ts";
import { FreshetError } from "../contract/errors.ts";
import { lastBefore, type TenantId, type Version, version } from "../contract/ids.ts";
import { limits } from "../contract/limits.ts";
import { untilStored } from "./compare-and-set.ts";
import type { EndpointStore, Stored } from "./endpoint-port.ts";

export interface EndpointAdminParts {
  readonly store: EndpointStore;
  readonly post: PostToEndpoint;
  /** Why an address cannot be one of a webhook here; undefined when it can. */
  readonly refusal: (url: string) => string | undefined;
  readonly lastVersion: (tenant: TenantId) => Promise<Version>;
  /** Of all tenants. */
  readonly lastSequence: () => Promise<Version>;
  /** The webhook has changed: its delivery is to look. May fail; a sweep looks as well. */
  readonly changed: (tenant: TenantId, id: string) => Promise<void>;
  readonly nowMs: () => number;
  /** So many bytes that nobody can guess. */
  readonly random: (bytes: number) => Uint8Array;
}

const contended = "the webhook is being changed by others";

export function createEndpoints(parts: EndpointAdminParts): Endpoints {
  const { store } = parts;
  const known = async (tenant: TenantId, id: string): Promise<Stored<Endpoint>> => {
    const stored = await store.get(tenant, id);
    if (stored === null) throw new FreshetError("not_found", `there is no webhook ${id}`);
    return stored;
  };
  const shown = async (endpoint: Endpoint): Promise<ShownEndpoint> =>
    shownEndpoint(endpoint, (await store.state(endpoint))?.value, parts.nowMs());
  return {
    list: async (tenant) => Promise.all((await store.list(tenant)).map(shown)),
    show: async (tenant, id) => shown((await known(tenant, id)).value),
    add: (tenant, wanted) => add(parts, tenant, wanted),
    async remove(tenant, id) {
      await known(tenant, id);
      await store.remove(tenant, id);
      await tell(parts, { tenant, id });
    },
    async change(tenant, id, { action, fromSeq }) {
      const { value } = await known(tenant, id);
      if (action === "test") return { webhook: await shown(value), test: await test(parts, value) };
      if (action === "replay") {
        if (fromSeq === undefined) throw new FreshetError("invalid_request", noSeq);
        await move(parts, value, await lastBeforeSeq(parts, fromSeq));
      }
      // What failed before is tried again at once, with all its attempts.
      if (action === "resume") await move(parts, value);
      const changed = await changeDefinition(parts, { tenant, id, action });
      await tell(parts, { tenant, id });
      const secret = action === "rotate" ? changed.secrets[0]?.value : undefined;
      return { webhook: await shown(changed), ...(secret === undefined ? {} : { secret }) };
    },
    failures: async (tenant, id) => store.failures((await known(tenant, id)).value),
  };
}

async function add(
  parts: EndpointAdminParts,
  tenant: TenantId,
  { url, events, note, from_seq: fromSeq }: WantedEndpoint,
): Promise<EndpointChanged> {
  const fault = parts.refusal(url);
  if (fault !== undefined) throw new FreshetError("invalid_request", fault);
  const after =
    fromSeq === undefined ? await parts.lastVersion(tenant) : await lastBeforeSeq(parts, fromSeq);
  const createdAtMs = parts.nowMs();
  const endpoint: Endpoint = {
    id: newId(parts),
    ...{ tenant, url, types: events, status: "active", createdAtMs },
    ...(note === undefined ? {} : { note }),
    secrets: [{ value: newSecret(parts), createdAtMs }],
  };
  const state: EndpointState = { after, delivered: 0, failed: 0 };
  await parts.store.add(endpoint, state);
  await tell(parts, endpoint);
  const secret = endpoint.secrets[0]?.value;
  const webhook = shownEndpoint(endpoint, state, createdAtMs);
  return { webhook, ...(secret === undefined ? {} : { secret }) };
}

/** The change is made; that its delivery did not hear of it at once costs minutes at most. */
async function tell(
  { changed }: EndpointAdminParts,
  { tenant, id }: Pick<Endpoint, "tenant" | "id">,
): Promise<void> {
  await changed(tenant, id).catch(() => {});
}

async function changeDefinition(
  parts: EndpointAdminParts,
  {
    tenant,
    id,
    action,
  }: {
    readonly tenant: TenantId;
    readonly id: string;
    readonly action: Exclude<EndpointAction, "test">;
  },
): Promise<Endpoint> {
  return untilStored(contended, async () => {
    const stored = await parts.store.get(tenant, id);
    if (stored === null) throw new FreshetError("not_found", `there is no webhook ${id}`);
    const changed = after(parts, stored.value, action);
    return (await parts.store.put(changed, stored.revision)) ? changed : undefined;
  });
}

function after(
  parts: EndpointAdminParts,
  { reason, ...endpoint }: Endpoint,
  action: Exclude<EndpointAction, "test">,
): Endpoint {
  switch (action) {
    case "pause":
      return { ...endpoint, status: "paused", reason: "paused by an operator" };
    case "resume":
    case "replay":
      return { ...endpoint, status: "active" };
    case "rotate": {
      const nowMs = parts.nowMs();
      const newest = { value: newSecret(parts), createdAtMs: nowMs };
      // One that was rotated before keeps its day: it may be all that receivers know.
      const ending = { endsAtMs: nowMs + limits.endpointSecretOverlapMs };
      const old = secretsAt(endpoint, nowMs).map((secret) => ({ ...ending, ...secret }));
      const kept = reason === undefined ? endpoint : { ...endpoint, reason };
      return withSecrets(kept, [newest, ...old].slice(0, limits.endpointSecretsMax));
    }
  }
}

const noSeq = "from_seq: a replay says with which seq it begins";

/**
 * As `from_seq` of GET /v1/events: the first that is wanted. From beyond the log's end nothing
 * would be sent, in silence, until it has come there.
 * @throws FreshetError invalid_request, log_unavailable
 */
async function lastBeforeSeq({ lastSequence }: EndpointAdminParts, seq: number): Promise<Version> {
  const last = lastBefore(version(seq));
  if (last <= (await lastSequence())) return last;
  throw new FreshetError("invalid_request", "from_seq: the log has not come to this seq");
}

/** An attempt in hand fails to store its position, and begins again from here (HX1). */
async function move({ store }: EndpointAdminParts, endpoint: Endpoint, to?: number): Promise<void> {
  await untilStored(contended, async () => {
    const stored = await store.state(endpoint);
    if (stored === null) throw new FreshetError("not_found", `there is no webhook ${endpoint.id}`);
    const { trouble: _, ...state } = stored.value;
    const moved = { ...state, after: to ?? state.after };
    return store.putState(endpoint, moved, stored.revision);
  });
}

async function test(parts: EndpointAdminParts, endpoint: Endpoint): Promise<EndpointTest> {
  const { id: webhook, tenant, url } = endpoint;
  const atMs = parts.nowMs();
  const timestamp = new Date(atMs).toISOString();
  const reply = await parts.post({
    ...{ url, atMs },
    id: `msg_test_${textOf(parts.random(9))}`,
    secrets: signingSecrets(endpoint, atMs),
    body: JSON.stringify({ type: testType, timestamp, data: { tenant, webhook } }),
  });
  const ms = Math.max(0, parts.nowMs() - atMs);
  if (reply.kind === "delivered") return { delivered: true, status: reply.status, ms };
  const { status } = reply;
  const reason = reply.kind === "gone" ? "status 410" : reply.reason;
  return { delivered: false, ...(status === undefined ? {} : { status }), reason, ms };
}

function newSecret({ random }: EndpointAdminParts): string {
  return `whsec_${Buffer.from(random(limits.endpointSecretBytes)).toString("base64")}`;
}

function newId({ random }: EndpointAdminParts): string {
  return `wh_${textOf(random(16)).slice(0, 16)}`;
}

const letters = "abcdefghijklmnopqrstuvwxyz012345";
const textOf = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => letters[byte % letters.length]).join("");

const iso = (ms: number): string => new Date(ms).toISOString();

function shownEndpoint(
  endpoint: Endpoint,
  state: EndpointState | undefined,
  nowMs: number,
): ShownEndpoint {
  const { id, tenant, url, types, note, status, reason, createdAtMs } = endpoint;
  const { after: seq = 0, delivered = 0, failed = 0, deliveredAtMs, trouble } = state ?? {};
  return {
    ...{ id, tenant, url, events: types, status, created_at: iso(createdAtMs) },
    ...(note === undefined ? {} : { note }),
    ...(reason === undefined ? {} : { reason }),
    ...{ after: seq, delivered, failed },
    ...(deliveredAtMs === undefined ? {} : { delivered_at: iso(deliveredAtMs) }),
    ...(trouble === undefined
      ? {}
      : {
          trouble: {
            seq: trouble.seq,
            attempts: trouble.attempts,
            reason: trouble.reason,
            since: iso(trouble.sinceMs),
            next_at: iso(trouble.nextAtMs),
          },
        }),
    secrets: secretsAt(endpoint, nowMs).map(({ createdAtMs: atMs, endsAtMs }) => ({
      created_at: iso(atMs),
      ...(endsAtMs === undefined ? {} : { ends_at: iso(endsAtMs) }),
    })),
  };
}
