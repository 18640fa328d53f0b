/** What opens the HTTP API, as it is configured, and which tenants that names. */

import type { TenantId } from "../contract/ids.ts";
import type { Credentials } from "../gateway/auth.ts";
import { KeyStore } from "../gateway/key-store.ts";
import { tokenVerifier } from "../gateway/tokens.ts";
import type { Foundation } from "./foundation.ts";
import { namedTenants } from "./keys.ts";

export interface OpenedCredentials {
  readonly credentials: Credentials;
  /** The only tenants there may be; undefined where an issuer may name any, and without keys. */
  readonly named: Pick<ReadonlySet<TenantId>, "has"> | undefined;
}

/** @throws Error with one line when the key store cannot be read */
export function openCredentials({
  config,
  clock,
  logger,
}: Pick<Foundation, "config" | "clock" | "logger">): OpenedCredentials {
  const { apiKeys, keyStore: path, oidc } = config.http;
  const keyStore = path === undefined ? undefined : KeyStore.open({ path, clock, logger });
  const verifyToken = oidc && tokenVerifier(oidc);
  const credentials = { apiKeys, keyStore, verifyToken };
  const isOpen = verifyToken !== undefined || (apiKeys === undefined && keyStore === undefined);
  if (isOpen) return { credentials, named: undefined };
  const ofKeys = namedTenants(config);
  const has = (tenant: TenantId) => ofKeys?.has(tenant) === true || keyStore?.has(tenant) === true;
  return { credentials, named: { has } };
}
