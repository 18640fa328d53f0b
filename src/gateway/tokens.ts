/**
 * Tokens of an identity provider (OpenID Connect): JWTs whose claims name the tenant and the roles.
 *
 *   OT1  only asymmetric signatures count, and only of the configured issuer for the configured
 *        audience: a token that another service was meant to have opens nothing here;
 *   OT2  an outage of the provider is told as such, and never makes a token good or bad;
 *   OT3  groups that cannot be read whole let nobody in: a token that lost some of them must not
 *        see more for it.
 */

import type * as Jose from "jose";
import type { JWTPayload, JWTVerifyGetKey } from "jose";
import { z } from "zod";
import { digestOf, type Identity, type Role, roles } from "../contract/api-key.ts";
import { FreshetError } from "../contract/errors.ts";
import { isTenantId } from "../contract/ids.ts";
import { limits } from "../contract/limits.ts";

export interface TokenOptions {
  readonly issuer: string;
  readonly audience: string;
  /** Undefined: where the issuer's discovery document says. */
  readonly jwksUrl?: string | undefined;
  readonly tenantClaim: string;
  readonly rolesClaim: string;
  /** Undefined: `groups`, and a token without it sees everything of its tenant. */
  readonly groupsClaim?: string | undefined;
}

/** @throws FreshetError unauthorized, identity_unavailable */
export type VerifyToken = (token: string) => Promise<Identity>;

/** No shared secrets: who can check such a signature can also make one. */
const algorithms = [
  "RS256",
  "RS384",
  "RS512",
  "PS256",
  "PS384",
  "PS512",
  "ES256",
  "ES384",
  "EdDSA",
];

export function tokenVerifier(options: TokenOptions): VerifyToken {
  const { issuer, audience } = options;
  let keys: Promise<JWTVerifyGetKey> | undefined;
  return async (token) => {
    // Loaded here: an engine without a provider starts without it.
    const jose = await import("jose");
    keys ??= signingKeys(options, jose);
    try {
      const { payload } = await jose.jwtVerify(token, await keys, {
        ...{ issuer, audience, algorithms },
        clockTolerance: limits.tokenClockSkewMs / 1_000,
        requiredClaims: ["exp"],
      });
      return identityOf(payload, options);
    } catch (thrown) {
      if (thrown instanceof FreshetError) {
        // The next token asks again.
        if (thrown.code === "identity_unavailable") keys = undefined;
        throw thrown;
      }
      throw refusalOf(thrown, jose);
    }
  };
}

const discovery = z.object({ issuer: z.string(), jwks_uri: z.url() });

async function signingKeys(
  { issuer, jwksUrl }: TokenOptions,
  { createRemoteJWKSet }: typeof Jose,
): Promise<JWTVerifyGetKey> {
  const url = jwksUrl ?? (await discoveredUrl(issuer));
  return createRemoteJWKSet(new URL(url), {
    cacheMaxAge: limits.tokenKeysCacheMs,
    timeoutDuration: limits.tokenKeysMs,
  });
}

async function discoveredUrl(issuer: string): Promise<string> {
  const place = `${issuer.replace(/\/$/, "")}/.well-known/openid-configuration`;
  try {
    const response = await fetch(place, {
      redirect: "error",
      signal: AbortSignal.timeout(limits.tokenKeysMs),
    });
    if (!response.ok) throw new Error(`status ${response.status}`);
    const found = discovery.parse(await response.json());
    if (found.issuer !== issuer) throw new Error(`it is of another issuer, ${found.issuer}`);
    return found.jwks_uri;
  } catch (cause) {
    throw new FreshetError("identity_unavailable", undefined, { cause });
  }
}

/** @throws FreshetError unauthorized */
function identityOf(payload: JWTPayload, options: TokenOptions): Identity {
  const tenant = payload[options.tenantClaim];
  if (typeof tenant !== "string" || !isTenantId(tenant)) {
    throw new FreshetError("unauthorized", `the token names no tenant in ${options.tenantClaim}`);
  }
  const groups = groupsOf(payload, options.groupsClaim);
  const roles = rolesOf(payload[options.rolesClaim]);
  const credential = nameOf(payload);
  return { tenant, roles, credential, ...(groups === undefined ? {} : { groups }) };
}

const groupsClaimDefault = "groups";

/**
 * A list, or one text, which is the name of one group: names may hold spaces.
 * @throws FreshetError unauthorized (OT3)
 */
function groupsOf(payload: JWTPayload, name: string | undefined): readonly string[] | undefined {
  const own = name ?? groupsClaimDefault;
  const claim = payload[own];
  if (claim === undefined || claim === null) {
    if (isElsewhere(payload, own)) {
      throw new FreshetError("unauthorized", `the token leaves out ${own}: it has too many`);
    }
    // A claim that is there and empty tells of somebody whom the provider knows to be in no group.
    return name === undefined && claim === undefined ? undefined : [];
  }
  const groups: readonly unknown[] = Array.isArray(claim) ? claim : [claim];
  if (!groups.every((group) => typeof group === "string")) {
    throw new FreshetError("unauthorized", `${own} in the token is no list of texts`);
  }
  if (groups.length > limits.accessGroupsMax) {
    const most = `at most ${limits.accessGroupsMax} count`;
    throw new FreshetError("unauthorized", `the token has ${groups.length} ${own}, ${most}`);
  }
  return groups;
}

/** Providers that have no room for a claim say so in others (OpenID Connect Core, 5.6.2). */
function isElsewhere(payload: JWTPayload, claim: string): boolean {
  const names = payload["_claim_names"];
  const isNamed = typeof names === "object" && names !== null && Object.hasOwn(names, claim);
  return isNamed || payload["hasgroups"] === true;
}

/** The same for each token of one subject, and no name of a person. */
function nameOf({ iss, sub, ...claims }: JWTPayload): string {
  const who = JSON.stringify([iss, sub ?? claims["client_id"] ?? null]);
  return `token:${digestOf(who).toString("hex").slice(0, 12)}`;
}

/** A list, or one text with spaces between, as `scope` is. Unknown roles are skipped. */
function rolesOf(claim: unknown): ReadonlySet<Role> {
  const listed = Array.isArray(claim) ? claim : String(claim ?? "").split(" ");
  return new Set(roles.filter((role) => listed.includes(role)));
}

/** Failures of the token are its own; of everything else the provider's (OT2). */
function refusalOf(thrown: unknown, { errors }: typeof Jose): FreshetError {
  const isOfProvider =
    !(thrown instanceof errors.JOSEError) ||
    thrown instanceof errors.JWKSTimeout ||
    thrown instanceof errors.JWKSInvalid ||
    thrown.code === "ERR_JOSE_GENERIC";
  if (isOfProvider) {
    return new FreshetError("identity_unavailable", undefined, { cause: thrown });
  }
  return new FreshetError("unauthorized", messageOf(thrown, errors), { cause: thrown });
}

/** Claims are looked at once the signature is good: what is said of them, the issuer has signed. */
function messageOf(thrown: Jose.errors.JOSEError, errors: typeof Jose.errors): string {
  if (thrown instanceof errors.JWTExpired) return "the token has expired";
  if (thrown instanceof errors.JWTClaimValidationFailed) {
    const { claim, reason } = thrown;
    if (reason === "missing") return `the token has no ${claim}`;
    if (claim === "nbf") return "the token is not valid yet";
    const setting = settingOf[claim];
    return `the token's ${claim} is not what is taken here${setting ? ` (${setting})` : ""}`;
  }
  if (thrown instanceof errors.JOSEAlgNotAllowed) {
    return "the token is not signed with RS, PS or ES of 256 to 512 bits, or EdDSA";
  }
  return "the token is not signed by a key of FRESHET_OIDC_ISSUER";
}

const settingOf: Readonly<Record<string, string | undefined>> = {
  iss: "FRESHET_OIDC_ISSUER",
  aud: "FRESHET_OIDC_AUDIENCE",
};
