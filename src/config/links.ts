/** The links to other servers, as one value each: address, TLS and secrets. */

import { readFileSync } from "node:fs";
import type { TenantId } from "../contract/ids.ts";
import type { Secret, TlsFiles } from "../contract/links.ts";
import { type SettingName, settings } from "./settings.ts";
import {
  presentIn,
  publicTls,
  secretIn,
  secretNames,
  tlsIn,
  tlsNames,
  type Values,
} from "./values.ts";

export interface Links {
  readonly nats: NatsLink;
  readonly temporal: TemporalLink;
  readonly weaviate: WeaviateLink;
  readonly http: {
    readonly host: string;
    /** 0 lets the system choose. */
    readonly port: number;
    /** Key → its tenant, as it is now; undefined means that no key is asked for: loopback only. */
    readonly apiKeys: (() => ReadonlyMap<string, TenantId>) | undefined;
    /** File of keys with roles; undefined: there is none. */
    readonly keyStore: string | undefined;
    /** Whose tokens are taken; undefined: nobody's. */
    readonly oidc: Issuer | undefined;
    /** Opens what names tenants; undefined: nothing does where keys are configured. */
    readonly operatorToken: Secret | undefined;
    /** Names of this deployment that the Host header may have. */
    readonly hosts: readonly string[];
    readonly mcpWrites: boolean;
    /** Undefined: plain text. */
    readonly tls: ListenerTls | undefined;
  };
  /** What the command line shows to the HTTP API, and trusts. */
  readonly api: { readonly key: Secret | undefined; readonly tls: TlsFiles | undefined };
  /** Reads files that have no text of their own; undefined: nothing does. */
  readonly parser: Endpoint | undefined;
}

export interface NatsLink {
  readonly url: string;
  readonly replicas: number;
  readonly user: string | undefined;
  readonly password: Secret | undefined;
  readonly token: Secret | undefined;
  readonly nkeySeed: Secret | undefined;
  readonly credsFile: string | undefined;
  /** Who answers, over a connection of its own; undefined: the same user as for all else. */
  readonly replies: NatsReplyUser | undefined;
  /** Undefined: TLS where the server has it. */
  readonly tls: TlsFiles | undefined;
  readonly tlsFirst: boolean;
  /** Also connect to servers that the cluster names. */
  readonly gossip: boolean;
}

export interface NatsReplyUser {
  readonly credsFile: string | undefined;
  readonly nkeySeed: Secret | undefined;
}

export interface TemporalLink {
  readonly address: string;
  readonly namespace: string;
  readonly uiUrl: string | undefined;
  readonly apiKey: Secret | undefined;
  /** Undefined: plain text. */
  readonly tls: TlsFiles | undefined;
  /** Of a configuration file of Temporal's own, which then says all of the above. */
  readonly profile: { readonly name: string; readonly file: string } | undefined;
}

export interface WeaviateLink {
  /** Of several nodes with commas between, and `grpc` in the same order. */
  readonly url: string;
  readonly grpc: string;
  readonly apiKey: Secret | undefined;
  readonly oidc: { readonly secret: Secret; readonly scopes: readonly string[] } | undefined;
  readonly tls: TlsFiles | undefined;
}

/** An identity provider, and the claims of its tokens that say what Freshet asks. */
export interface Issuer {
  readonly issuer: string;
  readonly audience: string;
  readonly jwksUrl: string | undefined;
  readonly tenantClaim: string;
  readonly rolesClaim: string;
  /** Undefined: `groups`, where there are any. */
  readonly groupsClaim: string | undefined;
}

export interface ListenerTls {
  readonly certFile: string;
  readonly keyFile: string;
  readonly clientCaFile: string | undefined;
}

export interface Endpoint {
  readonly url: string;
  readonly apiKey: Secret | undefined;
  readonly tls: TlsFiles | undefined;
}

export function assembleLinks(values: Values): Links {
  const present = presentIn(values);
  const parserUrl = values.FRESHET_PARSER_URL;
  return {
    nats: assembleNats(values),
    temporal: assembleTemporal(values),
    weaviate: assembleWeaviate(values),
    http: {
      host: present("FRESHET_HTTP_HOST"),
      port: present("FRESHET_HTTP_PORT"),
      apiKeys: secretIn(values, "FRESHET_API_KEYS"),
      keyStore: values.FRESHET_KEY_STORE,
      oidc: assembleIssuer(values),
      operatorToken: secretIn(values, "FRESHET_OPERATOR_TOKEN"),
      hosts: values.FRESHET_HTTP_HOSTS ?? [],
      mcpWrites: values.FRESHET_MCP_WRITES === "on",
      tls: assembleListenerTls(values),
    },
    api: { key: secretIn(values, "FRESHET_API_KEY"), tls: tlsIn(values, "FRESHET_API_TLS") },
    parser:
      parserUrl === undefined
        ? undefined
        : {
            url: parserUrl,
            apiKey: secretIn(values, "FRESHET_PARSER_API_KEY"),
            tls: tlsIn(values, "FRESHET_PARSER_TLS"),
          },
  };
}

function assembleIssuer(values: Values): Issuer | undefined {
  const { FRESHET_OIDC_ISSUER: issuer, FRESHET_OIDC_AUDIENCE: audience } = values;
  if (issuer === undefined || audience === undefined) return undefined;
  const present = presentIn(values);
  return {
    issuer,
    audience,
    jwksUrl: values.FRESHET_OIDC_JWKS_URL,
    tenantClaim: present("FRESHET_OIDC_TENANT_CLAIM"),
    rolesClaim: present("FRESHET_OIDC_ROLES_CLAIM"),
    groupsClaim: values.FRESHET_OIDC_GROUPS_CLAIM,
  };
}

function assembleNats(values: Values): NatsLink {
  const present = presentIn(values);
  const url = values.FRESHET_NATS_URL ?? "";
  const tlsFirst = values.FRESHET_NATS_TLS_FIRST === "on";
  // The client takes a server without TLS for `tls://` too, unless it is told that TLS is a must.
  const needsTls = tlsFirst || url.split(",").some((part) => part.trim().startsWith("tls://"));
  return {
    url,
    replicas: present("FRESHET_STREAM_REPLICAS"),
    user: values.FRESHET_NATS_USER,
    password: secretIn(values, "FRESHET_NATS_PASSWORD"),
    token: secretIn(values, "FRESHET_NATS_TOKEN"),
    nkeySeed: secretIn(values, "FRESHET_NATS_NKEY_SEED"),
    credsFile: values.FRESHET_NATS_CREDS_FILE,
    replies: assembleReplies(values),
    tls:
      tlsIn(values, "FRESHET_NATS_TLS") ?? (needsTls ? publicTls("FRESHET_NATS_TLS") : undefined),
    tlsFirst,
    gossip: values.FRESHET_NATS_GOSSIP !== "off",
  };
}

function assembleReplies(values: Values): NatsReplyUser | undefined {
  const credsFile = values.FRESHET_NATS_REPLY_CREDS_FILE;
  const nkeySeed = secretIn(values, "FRESHET_NATS_REPLY_NKEY_SEED");
  return credsFile === undefined && nkeySeed === undefined ? undefined : { credsFile, nkeySeed };
}

function assembleTemporal(values: Values): TemporalLink {
  const present = presentIn(values);
  const apiKey = secretIn(values, "FRESHET_TEMPORAL_API_KEY");
  const wanted = values.FRESHET_TEMPORAL_TLS;
  const given = tlsIn(values, "FRESHET_TEMPORAL_TLS");
  const implied = wanted === "on" || apiKey !== undefined;
  const tls = given ?? (implied ? publicTls("FRESHET_TEMPORAL_TLS") : undefined);
  return {
    address: present("FRESHET_TEMPORAL_ADDRESS"),
    namespace: present("FRESHET_TEMPORAL_NAMESPACE"),
    uiUrl: values.FRESHET_TEMPORAL_UI_URL,
    apiKey,
    tls: wanted === "off" ? undefined : tls,
    profile:
      values.FRESHET_TEMPORAL_CONFIG_FILE === undefined
        ? undefined
        : {
            name: present("FRESHET_TEMPORAL_PROFILE"),
            file: values.FRESHET_TEMPORAL_CONFIG_FILE,
          },
  };
}

function assembleWeaviate(values: Values): WeaviateLink {
  const present = presentIn(values);
  const secret = secretIn(values, "FRESHET_WEAVIATE_OIDC_SECRET");
  const scopes = (values.FRESHET_WEAVIATE_OIDC_SCOPES ?? "").split(/\s+/).filter(Boolean);
  return {
    url: present("FRESHET_WEAVIATE_URL"),
    grpc: present("FRESHET_WEAVIATE_GRPC"),
    apiKey: secretIn(values, "FRESHET_WEAVIATE_API_KEY"),
    oidc: secret === undefined ? undefined : { secret, scopes },
    tls: tlsIn(values, "FRESHET_WEAVIATE_TLS"),
  };
}

function assembleListenerTls(values: Values): ListenerTls | undefined {
  const certFile = values.FRESHET_HTTP_TLS_CERT_FILE;
  const keyFile = values.FRESHET_HTTP_TLS_KEY_FILE;
  if (certFile === undefined || keyFile === undefined) return undefined;
  return { certFile, keyFile, clientCaFile: values.FRESHET_HTTP_TLS_CLIENT_CA_FILE };
}

/** What makes no sense together, whoever connects. */
export function complaintsOfLinks(values: Values): readonly string[] {
  const lines: string[] = [];
  for (const name of secretNames) {
    const file = `${name}_FILE` as SettingName;
    if (values[name] !== undefined && values[file] !== undefined) {
      lines.push(`${file}: ${name} is set as well, set one of them`);
    }
  }
  for (const link of [...tlsNames, "FRESHET_HTTP_TLS"]) {
    const [cert, key] = [`${link}_CERT_FILE`, `${link}_KEY_FILE`] as [SettingName, SettingName];
    if ((values[cert] === undefined) !== (values[key] === undefined)) {
      const [missing, given] = values[cert] === undefined ? [cert, key] : [key, cert];
      lines.push(`${missing}: set it too, ${given} is of no use alone`);
    }
  }
  // Who sets these wants callers to be asked who they are: without the rest nobody would be.
  for (const [given, missing] of [
    ["FRESHET_HTTP_TLS_CLIENT_CA_FILE", "FRESHET_HTTP_TLS_CERT_FILE"],
    ["FRESHET_OIDC_AUDIENCE", "FRESHET_OIDC_ISSUER"],
    ["FRESHET_OIDC_JWKS_URL", "FRESHET_OIDC_ISSUER"],
    ["FRESHET_OIDC_GROUPS_CLAIM", "FRESHET_OIDC_ISSUER"],
  ] as const) {
    if (values[given] === undefined || values[missing] !== undefined) continue;
    lines.push(`${missing}: set it too, ${given} is of no use alone`);
  }
  return [...lines, ...complaintsOfNats(values), ...complaintsOfSchemes(values)];
}

function complaintsOfNats(values: Values): readonly string[] {
  const lines: string[] = [];
  const { nkeySeed, token, credsFile, password, user, replies } = assembleNats(values);
  const ways = [
    ...(credsFile === undefined ? [] : ["FRESHET_NATS_CREDS_FILE"]),
    ...(nkeySeed === undefined ? [] : ["FRESHET_NATS_NKEY_SEED"]),
    ...(token === undefined ? [] : ["FRESHET_NATS_TOKEN"]),
    ...(user === undefined ? [] : ["FRESHET_NATS_USER"]),
  ];
  const [first, second] = ways;
  if (second !== undefined) lines.push(`${second}: ${first} is set as well, set one of them`);
  if (replies?.credsFile !== undefined && replies.nkeySeed !== undefined) {
    lines.push(
      "FRESHET_NATS_REPLY_NKEY_SEED: FRESHET_NATS_REPLY_CREDS_FILE is set as well, set one of them",
    );
  }
  if (password !== undefined && user === undefined) {
    lines.push("FRESHET_NATS_USER: set it too, FRESHET_NATS_PASSWORD is of no use alone");
  }
  if (user !== undefined && password === undefined) {
    lines.push("FRESHET_NATS_PASSWORD_FILE: set it too, FRESHET_NATS_USER is of no use alone");
  }
  return lines;
}

/** TLS settings beside an address that says plain text: one of the two is a mistake. */
function complaintsOfSchemes(values: Values): readonly string[] {
  const lines: string[] = [];
  for (const [link, address] of [
    ["FRESHET_WEAVIATE", values.FRESHET_WEAVIATE_URL],
    ["FRESHET_LLM", values.FRESHET_LLM_URL],
    ["FRESHET_EMBED", values.FRESHET_EMBED_URL],
    ["FRESHET_RERANK", values.FRESHET_RERANK_URL],
    ["FRESHET_PARSER", values.FRESHET_PARSER_URL],
  ] as const) {
    const isPlain = address?.split(",").some((part) => part.startsWith("http://")) === true;
    if (tlsIn(values, `${link}_TLS`) === undefined || !isPlain) continue;
    lines.push(`${link}_URL: ${link}_TLS_* is set, so it should start with https://`);
  }
  if (values.FRESHET_EMBED_SUBJECT !== undefined && values.FRESHET_EMBED_URL !== undefined) {
    lines.push("FRESHET_EMBED_SUBJECT: FRESHET_EMBED_URL is set as well, set one of them");
  }
  lines.push(...complaintsOfWeaviate(values));
  const temporal = assembleTemporal(values);
  if (temporal.profile !== undefined && (temporal.apiKey ?? temporal.tls) !== undefined) {
    lines.push(
      "FRESHET_TEMPORAL_CONFIG_FILE: FRESHET_TEMPORAL_API_KEY or _TLS is set as well, the file says both",
    );
  }
  const isOff = values.FRESHET_TEMPORAL_TLS === "off";
  if (isOff && tlsIn(values, "FRESHET_TEMPORAL_TLS") !== undefined) {
    lines.push(
      "FRESHET_TEMPORAL_TLS: it is off and FRESHET_TEMPORAL_TLS_* is set, take one of them away",
    );
  }
  if (temporal.apiKey !== undefined && temporal.tls === undefined) {
    lines.push("FRESHET_TEMPORAL_TLS: set it to on, an API key is not sent in plain text");
  }
  return lines;
}

function complaintsOfWeaviate(values: Values): readonly string[] {
  const lines: string[] = [];
  const { apiKey, oidc } = assembleWeaviate(values);
  // An address that is wrong by itself is not there, and has its own line.
  const nodes = values.FRESHET_WEAVIATE_URL?.split(",") ?? [];
  const channels = values.FRESHET_WEAVIATE_GRPC?.split(",") ?? [];
  const areThere = nodes.length > 0 && channels.length > 0;
  if (areThere && nodes.length !== channels.length) {
    lines.push(
      `FRESHET_WEAVIATE_GRPC: ${channels.length} of them, and ${nodes.length} in FRESHET_WEAVIATE_URL: each needs its own`,
    );
  }
  if (new Set(nodes.map((node) => node.split(":", 1)[0])).size > 1) {
    lines.push("FRESHET_WEAVIATE_URL: all start with https://, or none does");
  }
  if (apiKey !== undefined && oidc !== undefined) {
    lines.push("FRESHET_WEAVIATE_OIDC_SECRET: FRESHET_WEAVIATE_API_KEY is set as well, set one");
  }
  return lines;
}

/** What an engine refuses before it listens, and secrets that it could not use. */
export function complaintsOfServing(values: Values): readonly string[] {
  const lines: string[] = [];
  for (const name of secretNames) {
    try {
      secretIn(values, name)?.();
    } catch (thrown) {
      lines.push(thrown instanceof Error ? thrown.message : String(thrown));
    }
  }
  lines.push(...complaintsOfFiles(values));
  if (isLoopback(values.FRESHET_HTTP_HOST ?? "")) return lines;
  const ways = [
    secretIn(values, "FRESHET_API_KEYS"),
    values.FRESHET_KEY_STORE,
    values.FRESHET_OIDC_ISSUER,
  ];
  if (ways.every((way) => way === undefined)) {
    lines.push(
      "FRESHET_HTTP_HOST is reachable from outside: set FRESHET_KEY_STORE, FRESHET_OIDC_ISSUER or FRESHET_API_KEYS, or listen on loopback",
    );
  }
  const isPlain = assembleListenerTls(values) === undefined;
  if (isPlain && values.FRESHET_HTTP_PLAIN_TEXT !== "anywhere") {
    lines.push(
      "FRESHET_HTTP_TLS_CERT_FILE: set it and FRESHET_HTTP_TLS_KEY_FILE, FRESHET_HTTP_HOST is reachable from outside and keys would travel in plain text; behind a proxy that does the TLS set FRESHET_HTTP_PLAIN_TEXT=anywhere",
    );
  }
  return lines;
}

/** Certificates and keys that are not there; what they hold is judged where they are used. */
function complaintsOfFiles(values: Values): readonly string[] {
  const names = Object.keys(settings) as SettingName[];
  return names
    .filter((name) => /_TLS_.*_FILE$|_CREDS_FILE$|_CONFIG_FILE$/.test(name))
    .flatMap((name) => {
      const file = values[name];
      if (typeof file !== "string") return [];
      try {
        readFileSync(file);
        return [];
      } catch (thrown) {
        const code = thrown instanceof Error && "code" in thrown ? String(thrown.code) : "";
        return [`${name}: cannot read ${file} (${code})`];
      }
    });
}

export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127(\.\d{1,3}){3}$/.test(host);
}
