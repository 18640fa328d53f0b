/**
 * Who is asking. With keys configured the tenant comes from the key and from nothing else; without,
 * only loopback is served and the tenant is what the caller says. Operators have a token of their
 * own.
 */

import { createHash, timingSafeEqual } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import { isIP } from "node:net";
import { FreshetError } from "../contract/errors.ts";
import { type TenantId, tenantId } from "../contract/ids.ts";
import type { Secret } from "../contract/links.ts";

/** Key → its tenant, as it is now. */
export type CurrentKeys = () => ReadonlyMap<string, TenantId>;
export type Authenticate = (headers: IncomingHttpHeaders) => TenantId;
/** Returns when the request is allowed. @throws FreshetError unauthorized */
export type Check = (headers: IncomingHttpHeaders) => void;

const defaultTenant = "demo";
const bearer = /^Bearer +([\x21-\x7e]+)$/i;
/** A name, or an address, with or without a port. */
const loopbackHost = /^(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d+)?$/i;

/** @returns a function that throws FreshetError unauthorized, wrong_tenant or invalid_tenant */
export function authentication(apiKeys: CurrentKeys | undefined): Authenticate {
  if (apiKeys === undefined) return withoutKeys;
  const current = digestsOf(apiKeys);
  return (headers) => {
    const keys = current();
    const given = bearerOf(headers);
    if (given === undefined) throw new FreshetError("unauthorized");
    const digest = digestOf(given);
    // Every key is compared, each in constant time: time tells neither how many there are nor which
    // fits.
    const [match] = keys.filter((key) => timingSafeEqual(key.digest, digest));
    if (match === undefined) throw new FreshetError("unauthorized");
    const wanted = headers["x-tenant"];
    if (wanted !== undefined && wanted !== match.tenant) throw new FreshetError("wrong_tenant");
    return match.tenant;
  };
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

function withoutKeys(headers: IncomingHttpHeaders): TenantId {
  const wanted = headers["x-tenant"];
  return tenantId(Array.isArray(wanted) ? wanted.join() : (wanted ?? defaultTenant));
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

function digestOf(key: string): Buffer {
  return createHash("sha256").update(key).digest();
}
