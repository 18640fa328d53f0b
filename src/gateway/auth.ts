/**
 * Who is asking. With keys or tokens configured the tenant comes from them and from nothing else;
 * without, only loopback is served and the tenant is what the caller says. Operators have a token
 * of their own.
 */

import { timingSafeEqual } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import { isIP } from "node:net";
import {
  apiKeyIdOf,
  digestOf,
  everyRole,
  type Identity,
  mayAs,
  type Role,
  roles,
} from "../contract/api-key.ts";
import { FreshetError } from "../contract/errors.ts";
import { type TenantId, tenantId } from "../contract/ids.ts";
import type { Secret } from "../contract/links.ts";
import type { Metrics } from "../contract/observation.ts";
import type { Clock } from "../runtime/clock.ts";
import type { KeyStore } from "./key-store.ts";
import type { VerifyToken } from "./tokens.ts";

/** Key → its tenant, as it is now. */
export type CurrentKeys = () => ReadonlyMap<string, TenantId>;
/**
 * @param known told as soon as the credential is, also when the request is refused after that
 * @throws FreshetError unauthorized, wrong_tenant, invalid_tenant, identity_unavailable
 */
export type Authenticate = (
  headers: IncomingHttpHeaders,
  known?: (identity: Identity) => void,
) => Promise<Identity>;
/** Returns when the request is allowed. @throws FreshetError unauthorized */
export type Check = (headers: IncomingHttpHeaders) => void;

/** Each of what is configured opens the door. */
export interface Credentials {
  /** Key to its tenant, for every role. */
  readonly apiKeys?: CurrentKeys | undefined;
  readonly keyStore?: Pick<KeyStore, "identityOf"> | undefined;
  readonly verifyToken?: VerifyToken | undefined;
}

const defaultTenant = "demo";
/** The same words whatever came. Other services take keys as `x-api-key`, or as a password. */
const noKey = "no valid API key was given: send one as `Authorization: Bearer <key>`";
const bearer = /^Bearer +([\x21-\x7e]+)$/i;
/** A name, or an address, with or without a port. */
const loopbackHost = /^(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d+)?$/i;
/** Three parts in base64url. A key of `FRESHET_API_KEYS` that looks so is found before. */
const looksLikeToken = /^[\w-]+\.[\w-]+\.[\w-]+$/;

/** Whether callers must say who they are. */
export function asksForKeys({ apiKeys, keyStore, verifyToken }: Credentials): boolean {
  return apiKeys !== undefined || keyStore !== undefined || verifyToken !== undefined;
}

export function authentication(
  credentials: Credentials,
  use: { readonly metrics: Pick<Metrics, "set">; readonly clock: Clock },
): Authenticate {
  if (!asksForKeys(credentials)) return async (headers) => withoutKeys(headers);
  const identify = identification(credentials, use);
  return async (headers, known) => {
    const given = bearerOf(headers);
    const identity = given === undefined ? undefined : await identify(given);
    if (identity === undefined) throw new FreshetError("unauthorized", noKey);
    known?.(identity);
    const wanted = headers["x-tenant"];
    if (wanted !== undefined && wanted !== identity.tenant) throw new FreshetError("wrong_tenant");
    return identity;
  };
}

function identification(
  { apiKeys, keyStore, verifyToken }: Credentials,
  { metrics, clock }: { readonly metrics: Pick<Metrics, "set">; readonly clock: Clock },
): (given: string) => Promise<Identity | undefined> {
  const current = digestsOf(apiKeys ?? (() => new Map()));
  return async (given) => {
    if (keyStore !== undefined && apiKeyIdOf(given) !== undefined) {
      const found = keyStore.identityOf(given);
      if (found === undefined) return undefined;
      const key = found.credential;
      metrics.set("api_key_used_timestamp_seconds", clock.nowMs() / 1000, { key });
      return found;
    }
    const digest = digestOf(given);
    // Every key is compared, each in constant time: time tells neither how many there are nor which
    // fits.
    const [match] = current().filter((key) => timingSafeEqual(key.digest, digest));
    if (match !== undefined) return ofKey(match.tenant);
    return looksLikeToken.test(given) ? verifyToken?.(given) : undefined;
  };
}

function ofKey(tenant: TenantId): Identity {
  return { tenant, roles: everyRole, credential: "env" };
}

/** Keys may come and go with their file; they are digested once for each of its versions. */
function digestsOf(apiKeys: CurrentKeys) {
  let seen: ReadonlyMap<string, TenantId> | undefined;
  let keys: readonly { readonly digest: Buffer; readonly tenant: TenantId }[] = [];
  return () => {
    const now = apiKeys();
    if (now === seen) return keys;
    seen = now;
    keys = [...now].map(([key, tenant]) => ({ digest: digestOf(key), tenant }));
    return keys;
  };
}

function withoutKeys(headers: IncomingHttpHeaders): Identity {
  const wanted = headers["x-tenant"];
  const tenant = tenantId(Array.isArray(wanted) ? wanted.join() : (wanted ?? defaultTenant));
  return { tenant, roles: everyRole, credential: "open" };
}

/** @throws FreshetError forbidden */
export function checkRole(identity: Identity, role: Role): void {
  if (mayAs(identity, role)) return;
  const own = [...identity.roles].join(" and ") || "none";
  throw new FreshetError(
    "forbidden",
    `this takes a key with the role ${role}; this one has ${own}`,
  );
}

/** A token may have none: an identity provider knows people whom nobody let in here. */
export function checkAnyRole({ roles: own }: Pick<Identity, "roles">): void {
  if (own.size > 0) return;
  const all = roles.join(", ");
  throw new FreshetError("forbidden", `this takes a key with a role (${all}); this one has none`);
}

/**
 * A page in a browser can reach addresses of its own network under a name that its author controls
 * (DNS rebinding); it cannot forge the Host header. Without keys only loopback is served, so only
 * loopback names are right. With keys an address is no danger, since rebinding needs a name, and
 * `hosts` are the deployment's own names.
 */
export function hostCheck(options: {
  readonly keys: boolean;
  readonly hosts: readonly string[];
}): Check {
  const own = new Set(options.hosts.map((name) => name.toLowerCase()));
  return ({ host }) => {
    if (host === undefined || loopbackHost.test(host)) return;
    const name = host.replace(/:\d+$/, "").toLowerCase();
    if (own.has(name)) return;
    if (!options.keys) {
      throw new FreshetError("unauthorized", "without keys, only loopback host names are served");
    }
    if (isIP(name.replace(/^\[(.*)\]$/, "$1")) !== 0) return;
    throw new FreshetError("unauthorized", "this host name is not in FRESHET_HTTP_HOSTS");
  };
}

/**
 * What names tenants (I9) is for operators. Where the peer's address comes from says nothing:
 * behind a proxy on this machine every request comes from loopback. So with keys, or with a token,
 * only the token opens the door.
 */
export function operatorCheck(options: {
  readonly keys: boolean;
  readonly token: Secret | undefined;
}): Check {
  const { keys, token } = options;
  if (token === undefined) {
    return () => {
      if (keys) throw new FreshetError("unauthorized", "set FRESHET_OPERATOR_TOKEN and send it");
    };
  }
  return (headers) => {
    const given = bearerOf(headers);
    if (given !== undefined && timingSafeEqual(digestOf(given), digestOf(token()))) return;
    throw new FreshetError("unauthorized", "send the operator token as a bearer token");
  };
}

function bearerOf({ authorization }: IncomingHttpHeaders): string | undefined {
  return bearer.exec(authorization ?? "")?.[1];
}
