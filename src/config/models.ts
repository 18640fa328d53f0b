/**
 * The chain of language models: the first from `FRESHET_LLM_*`, those behind it from the file that
 * `FRESHET_LLM_FILE` names, which is read once, at the start. Without a first one the file's first
 * is the first.
 *
 * A line about the file names the field and never what stands in it: it may be a secret.
 */

import { readFileSync } from "node:fs";
import { z } from "zod";
import { parseJsonFile } from "../contract/json-file.ts";
import { limits } from "../contract/limits.ts";
import type { Secret, TlsFiles } from "../contract/links.ts";
import { bearerToken, hasUser, isUrlOf } from "./schemas.ts";
import { secretFromFile } from "./secrets.ts";
import { presentIn, secretIn, tlsIn, type Values } from "./values.ts";

export interface LanguageModelLink {
  /** Different from the others': what replies, metrics and logs call it. */
  readonly name: string;
  readonly url: string;
  readonly model: string;
  readonly apiKey: Secret | undefined;
  readonly tls: TlsFiles | undefined;
  readonly connectMs: number;
  readonly firstTokenMs: number;
  readonly requestMs: number;
  readonly contextTokens: number;
  readonly promptTokens: number;
  readonly price: Price | undefined;
}

/** For a thousand tokens each. */
interface Price {
  readonly input: number;
  readonly output: number;
}

const words = z.string().min(1).max(1_000);
const ms = (most: number) => z.int().min(1).max(most);

const endpointSchema = z.strictObject({
  name: z.string().min(1).max(64).optional(),
  url: words.refine((value) => isUrlOf(value, ["http", "https"]) && !hasUser(value), {
    error: "expected one URL that starts with http:// or https://, without a user or password",
  }),
  model: words,
  api_key: bearerToken.optional(),
  api_key_file: words.optional(),
  tls: z
    .strictObject({ ca_file: words, cert_file: words, key_file: words })
    .partial()
    .refine((tls) => (tls.cert_file === undefined) === (tls.key_file === undefined), {
      error: "expected cert_file and key_file together",
    })
    .optional(),
  connect_ms: ms(limits.modelRequestMs).optional(),
  first_token_ms: ms(limits.modelRequestMs).optional(),
  request_ms: ms(limits.modelRequestMs).optional(),
  context_tokens: z.int().min(limits.contextTokensMin).max(limits.contextTokensMax).optional(),
  prompt_tokens: z.int().min(1).max(limits.contextTokensMax).optional(),
  price: z
    .strictObject({
      input: z.number().min(0).max(limits.priceMax),
      output: z.number().min(0).max(limits.priceMax),
    })
    .optional(),
});

const fileSchema = z.strictObject({
  format: z.literal(1),
  endpoints: z.array(endpointSchema).min(1).max(limits.modelsMax),
});

type FileEndpoint = z.infer<typeof endpointSchema>;
/** Whether another one stands behind it is known only once all are read. */
type Declared = Omit<LanguageModelLink, "firstTokenMs"> & {
  readonly firstTokenMs: number | undefined;
};

/** @param readsFile false for a program that asks no model itself */
export function languageModelsOf(
  values: Values,
  readsFile: boolean,
): { readonly links: readonly LanguageModelLink[]; readonly lines: readonly string[] } {
  const first = firstOf(values);
  const path = readsFile ? values.FRESHET_LLM_FILE : undefined;
  const file = path === undefined ? { endpoints: [], lines: [] } : endpointsIn(path);
  const declared = [...first, ...file.endpoints.map(declaredIn)];
  const links = declared.map((link, index) => ({
    ...link,
    firstTokenMs: link.firstTokenMs ?? silenceOf(link, index < declared.length - 1),
  }));
  return { links, lines: [...file.lines, ...complaintsOf(links)] };
}

function silenceOf({ requestMs }: Declared, isFollowed: boolean): number {
  return isFollowed ? Math.min(limits.modelFirstTokenMs, requestMs) : requestMs;
}

function firstOf(values: Values): readonly Declared[] {
  const { FRESHET_LLM_URL: url, FRESHET_LLM_MODEL: model } = values;
  if (url === undefined || model === undefined) return [];
  const present = presentIn(values);
  return [
    {
      ...{ name: model, url, model },
      apiKey: secretIn(values, "FRESHET_LLM_API_KEY"),
      tls: tlsIn(values, "FRESHET_LLM_TLS"),
      connectMs: limits.modelConnectMs,
      firstTokenMs: values.FRESHET_LLM_FIRST_TOKEN_MS,
      requestMs: present("FRESHET_LLM_REQUEST_MS"),
      contextTokens: present("FRESHET_LLM_CONTEXT_TOKENS"),
      promptTokens: present("FRESHET_LLM_PROMPT_TOKENS"),
      price: values.FRESHET_LLM_PRICE,
    },
  ];
}

function declaredIn(endpoint: FileEndpoint, index: number): Declared {
  const { name, url, model, tls, price } = endpoint;
  return {
    ...{ name: name ?? model, url, model, price },
    apiKey: keyOf(endpoint, index),
    tls: tls && {
      settings: `FRESHET_LLM_FILE_${index + 1}_TLS`,
      caFile: tls.ca_file,
      certFile: tls.cert_file,
      keyFile: tls.key_file,
    },
    connectMs: endpoint.connect_ms ?? limits.modelConnectMs,
    firstTokenMs: endpoint.first_token_ms,
    requestMs: endpoint.request_ms ?? limits.modelRequestMs,
    contextTokens: endpoint.context_tokens ?? limits.contextTokens,
    promptTokens: endpoint.prompt_tokens ?? limits.promptTokens,
  };
}

function keyOf({ api_key: key, api_key_file: file }: FileEndpoint, index: number) {
  if (key !== undefined) return () => key;
  if (file === undefined) return undefined;
  const name = `FRESHET_LLM_FILE: endpoints.${index}.api_key`;
  return secretFromFile({ name, schema: bearerToken, file });
}

function endpointsIn(path: string): {
  readonly endpoints: readonly FileEndpoint[];
  readonly lines: readonly string[];
} {
  const wrong = (what: string) => ({
    endpoints: [],
    lines: [`FRESHET_LLM_FILE: ${path}: ${what}; see ops/guides/models.md`],
  });
  try {
    const bytes = readFileSync(path);
    if (bytes.length > limits.modelsFileBytesMax) return wrong("the file is too large");
    const parsed = fileSchema.safeParse(parseJsonFile(bytes));
    if (parsed.success) return { endpoints: parsed.data.endpoints, lines: [] };
    const [issue] = parsed.error.issues;
    const place = issue?.path.map(String).join(".") ?? "";
    const expected = place.endsWith("api_key") ? "expected a key without spaces" : issue?.message;
    return wrong(`${place === "" ? "the file" : place}: ${expected}`);
  } catch (thrown) {
    if (thrown instanceof SyntaxError) return wrong(thrown.message);
    return wrong(`it cannot be read (${(thrown as NodeJS.ErrnoException).code})`);
  }
}

function complaintsOf(links: readonly LanguageModelLink[]): readonly string[] {
  const lines: string[] = [];
  const names = new Set<string>();
  if (links.length > limits.modelsMax) {
    lines.push(`FRESHET_LLM_FILE: more than ${limits.modelsMax} endpoints in all`);
  }
  for (const { name, url, tls } of links) {
    if (names.has(name)) {
      lines.push(`FRESHET_LLM_FILE: two endpoints are called ${name}; give one another name`);
    }
    names.add(name);
    if (tls?.settings.startsWith("FRESHET_LLM_FILE") === true && url.startsWith("http://")) {
      lines.push(`FRESHET_LLM_FILE: ${name} has tls, so its url should start with https://`);
    }
  }
  return lines;
}
