/** What a value of the environment may look like. Each schema says in `expected` what it takes. */

import { isIP } from "node:net";
import { z } from "zod";
import { isModelName } from "../contract/generation.ts";
import { isTenantId, type TenantId } from "../contract/ids.ts";
import { limits } from "../contract/limits.ts";

export interface Setting {
  /** What holds when the variable is unset or empty; undefined when nothing does. */
  readonly fallback: string | undefined;
  readonly what: string;
  readonly schema: z.ZodType<unknown, string>;
}

export function setting<Schema extends z.ZodType<unknown, string>>(
  fallback: string | undefined,
  schema: Schema,
  what: string,
) {
  return { fallback, schema, what };
}

export const whole = (min: number, max: number) =>
  z
    .string()
    .regex(/^\d{1,12}$/)
    .transform(Number)
    .refine((value) => value >= min && value <= max)
    .meta({ expected: `a whole number from ${min} to ${max}` });

const startOf = (schemes: readonly string[]) => schemes.map((scheme) => `${scheme}://`);

/** A host name has no comma: two URLs in one would be the name of a host that nobody has. */
export function isUrlOf(value: string, schemes: readonly string[]): boolean {
  if (!startOf(schemes).some((start) => value.startsWith(start)) || !URL.canParse(value)) {
    return false;
  }
  return !new URL(value).host.includes(",");
}

/** No client here sends it: it would be left out, or each request be refused. */
export function hasUser(value: string): boolean {
  if (!URL.canParse(value)) return false;
  const { username, password } = new URL(value);
  return username !== "" || password !== "";
}

/** One. Its user, if it names one, goes to who uses it. */
export const urlWithUser = (...schemes: readonly string[]) =>
  z
    .string()
    .refine((value) => isUrlOf(value, schemes))
    .meta({ expected: `one URL that starts with ${startOf(schemes).join(" or ")}` });

export const url = (...schemes: readonly string[]) =>
  urlWithUser(...schemes)
    .refine((value) => !hasUser(value))
    .meta({
      expected: `one URL that starts with ${startOf(schemes).join(" or ")}, without a user or password`,
    });

/** Several with commas between, each with a scheme. */
export const urls = (...schemes: readonly string[]) =>
  z
    .string()
    .transform((value) => value.split(",").map((part) => part.trim()))
    .refine((parts) => parts.every((part) => isUrlOf(part, schemes) && !hasUser(part)))
    .refine((parts) => new Set(parts).size === parts.length)
    .transform((parts) => parts.join(","))
    .meta({
      expected: `URLs that start with ${startOf(schemes).join(" or ")}, without a user or password, with commas between, each once`,
    });

/** Several with commas between; after the first an address alone will do, as for NATS' tools. */
export const natsUrls = z
  .string()
  .transform((value) => value.split(",").map((part) => part.trim()))
  .refine(([first = ""]) => isUrlOf(first, ["nats", "tls"]))
  .transform((parts) => parts.map((part) => (part.includes("://") ? part : `nats://${part}`)))
  .refine((parts) => parts.every((part) => isUrlOf(part, ["nats", "tls"]) && !hasUser(part)))
  .transform((parts) => parts.join(","))
  .meta({
    expected:
      "URLs that start with nats:// or tls://, without a user (FRESHET_NATS_USER and FRESHET_NATS_PASSWORD_FILE name one)",
  });

/** Addresses, each with or without the number of its leading bits. */
export const networks = z
  .string()
  .transform((value) => value.split(",").map((part) => part.trim()))
  .refine((parts) => parts.every(isNetwork))
  .meta({ expected: "networks such as 10.1.0.0/16 or 127.0.0.1, with commas between" });

function isNetwork(value: string): boolean {
  const [address = "", bits, more] = value.split("/");
  const family = isIP(address);
  if (family === 0 || more !== undefined) return false;
  if (bits === undefined) return true;
  return /^\d{1,3}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128);
}

export const hostPort = z
  .string()
  .regex(/^[^\s:/]+:\d{1,5}$|^\[[0-9a-fA-F:]+\]:\d{1,5}$/)
  .refine((value) => {
    const port = Number(value.slice(value.lastIndexOf(":") + 1));
    return port >= 1 && port <= 65_535;
  })
  .meta({ expected: "host:port, the port from 1 to 65535" });

/** One or several, as `urls` takes them; an address may stand there twice, behind one balancer. */
export const hostPorts = z
  .string()
  .transform((value) => value.split(",").map((part) => part.trim()))
  .refine((parts) => parts.every((part) => hostPort.safeParse(part).success))
  .transform((parts) => parts.join(","))
  .meta({ expected: "host:port, the port from 1 to 65535, several with commas between" });

export const text = z
  .string()
  .min(1)
  .max(1_000)
  .meta({ expected: "text of at most 1000 characters" });

/** Temporal separates it from the name before it by one of the signs that are missing here. */
export const buildId = z
  .string()
  .regex(/^[A-Za-z0-9][\w.+-]{0,99}$/)
  .meta({ expected: "up to 100 letters, digits and . _ + -" });

export const oneOf = <const Values extends readonly [string, ...string[]]>(values: Values) =>
  z.enum(values).meta({ expected: `one of ${values.join(", ")}` });

/**
 * `key=tenant,key=tenant`; a key is at least 16 characters, because a short one can be guessed, and
 * may hold `=`, as base64 does. Twice the same key would silently be the last tenant's.
 */
export const apiKeys = z
  .string()
  .transform((value) => value.split(",").map((pair) => splitAtLast(pair.trim(), "=")))
  .refine((pairs) =>
    pairs.every(([key, tenant]) => /^[\x21-\x7e]{16,}$/.test(key) && isTenantId(tenant)),
  )
  .refine((pairs) => new Set(pairs.map(([key]) => key)).size === pairs.length)
  .transform((pairs) => new Map(pairs.map(([key, tenant]) => [key, tenant as TenantId])))
  .meta({
    expected:
      "key=tenant pairs with commas between, keys of at least 16 printable characters, each key once",
  });

function splitAtLast(text: string, separator: string): readonly [string, string] {
  const at = text.lastIndexOf(separator);
  return at < 0 ? [text, ""] : [text.slice(0, at), text.slice(at + separator.length)];
}

/** Names without a port, as the Host header has them. */
export const hostNames = z
  .string()
  .transform((value) => value.split(",").map((name) => name.trim()))
  .refine((names) => names.every((name) => /^[A-Za-z0-9._-]{1,253}$/.test(name)))
  .meta({ expected: "host names with commas between, without ports" });

/** JetStream keeps an odd number of copies, or the loss of half of them would stop a stream. */
export const replicaCount = z
  .enum(["1", "3", "5"])
  .transform(Number)
  .meta({ expected: "1, 3 or 5" });

/**
 * Sent in a header: a line break or a space in it is a mistake of copying, with which each request
 * would be refused before it is sent. As long as headers may be: identity providers give tokens of
 * thousands of characters.
 */
export const bearerToken = z
  .string()
  .regex(/^[\x21-\x7e]{1,8000}$/)
  .meta({ expected: "at most 8000 printable characters without spaces" });

/** `input/output`, for a thousand tokens each. */
export const price = z
  .string()
  .regex(/^\d{1,4}(\.\d{1,9})?\/\d{1,4}(\.\d{1,9})?$/)
  .transform((value) => value.split("/").map(Number))
  .transform(([input = 0, output = 0]) => ({ input, output }))
  .refine(({ input, output }) => Math.max(input, output) <= limits.priceMax)
  .meta({ expected: "two prices for 1,000 tokens, such as 0.00015/0.0006" });

/** `tenant=weight,tenant=weight`; no tenant is named twice. */
export const tenantWeights = z
  .string()
  .transform((value) => value.split(",").map((pair) => pair.trim().split("=")))
  .refine((pairs) =>
    pairs.every(
      ([tenant = "", weight = "", ...rest]) =>
        rest.length === 0 && isTenantId(tenant) && /^([1-9]\d?|100)$/.test(weight),
    ),
  )
  .refine((pairs) => new Set(pairs.map(([tenant]) => tenant)).size === pairs.length)
  .transform(
    (pairs) => new Map(pairs.map(([tenant = "", weight]) => [tenant as TenantId, Number(weight)])),
  )
  .meta({
    expected: "tenant=weight pairs with commas between, weights from 1 to 100, each tenant once",
  });

/** Embed servers of one model: URLs with commas between, or a subject of NATS. */
export interface ModelServers {
  readonly url?: string;
  readonly subject?: string;
}

const httpUrls = urls("http", "https");
const subjectPattern = /^nats:[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$/;

function modelServersIn(address: string): ModelServers | undefined {
  if (subjectPattern.test(address)) return { subject: address.slice("nats:".length) };
  const { success, data } = httpUrls.safeParse(address);
  return success ? { url: data } : undefined;
}

/** `model=address;model=address`; no model is named twice. */
export const modelServers = z
  .string()
  .transform((value) => value.split(";").map((pair) => splitAtFirst(pair.trim(), "=")))
  .refine((pairs) =>
    pairs.every(([model, address]) => isModelName(model) && modelServersIn(address) !== undefined),
  )
  .refine((pairs) => new Set(pairs.map(([model]) => model)).size === pairs.length)
  .transform(
    (pairs): ReadonlyMap<string, ModelServers> =>
      new Map(pairs.map(([model, address]) => [model, modelServersIn(address) ?? {}])),
  )
  .meta({
    expected:
      "model=address pairs with semicolons between, each model once; an address is URLs with commas between, or nats:<subject>",
  });

function splitAtFirst(value: string, separator: string): readonly [string, string] {
  const at = value.indexOf(separator);
  return at < 0 ? [value, ""] : [value.slice(0, at), value.slice(at + 1)];
}
