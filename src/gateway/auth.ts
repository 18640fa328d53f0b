/**
 * Who is asking. With keys configured the tenant comes from the key and from nothing else; without,
 * only loopback is served and the tenant is what the caller says.
 */

import { createHash, timingSafeEqual } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import { FreshetError } from "../contract/errors.ts";
import { type TenantId, tenantId } from "../contract/ids.ts";

export type Authenticate = (headers: IncomingHttpHeaders) => TenantId;

const defaultTenant = "demo";
const bearer = /^Bearer +([\x21-\x7e]+)$/i;
/** A name, or an address, with or without a port. */
const loopbackHost = /^(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d+)?$/i;

/** @returns a function that throws FreshetError unauthorized, wrong_tenant or invalid_tenant */
export function authentication(apiKeys: ReadonlyMap<string, TenantId>): Authenticate {
  if (apiKeys.size === 0) return withoutKeys;
  const keys = [...apiKeys].map(([key, tenant]) => ({ digest: digestOf(key), tenant }));
  return (headers) => {
    const given = bearer.exec(headers.authorization ?? "")?.[1];
    if (given === undefined) throw new FreshetError("unauthorized");
    const digest = digestOf(given);
    // Every key is compared, each in constant time: time tells neither how many there are nor which fits.
    const [match] = keys.filter((key) => timingSafeEqual(key.digest, digest));
    if (match === undefined) throw new FreshetError("unauthorized");
    const wanted = headers["x-tenant"];
    if (wanted !== undefined && wanted !== match.tenant) throw new FreshetError("wrong_tenant");
    return match.tenant;
  };
}

/**
 * A page in a browser on this machine can reach loopback too, under a name that its author controls;
 * it can not forge the Host header.
 */
function withoutKeys(headers: IncomingHttpHeaders): TenantId {
  if (headers.host !== undefined && !loopbackHost.test(headers.host)) {
    throw new FreshetError("unauthorized", "without keys, only loopback host names are served");
  }
  const wanted = headers["x-tenant"];
  return tenantId(Array.isArray(wanted) ? wanted.join() : (wanted ?? defaultTenant));
}

function digestOf(key: string): Buffer {
  return createHash("sha256").update(key).digest();
}

export function isLoopbackPeer(address: string | undefined): boolean {
  return address !== undefined && /^(::1|(::ffff:)?127(\.\d{1,3}){3})$/.test(address);
}
