/** Servers, each asked once and for a bounded time. What does not answer is a finding. */

import { createServer } from "node:net";
import { z } from "zod";
import type { Config } from "../../config/config.ts";
import type { NatsFacts, TemporalFacts } from "../../contract/inspection.ts";
import type { TlsFiles } from "../../contract/links.ts";
import { withoutEnd } from "../../contract/without-end.ts";
import { systemClock } from "../../runtime/clock.ts";
import type { Addresses } from "../addresses.ts";
import { askUrl } from "../http-client.ts";
import { startCommand } from "../run-file.ts";
import { type Finding, fail, ok, warn } from "./finding.ts";
import { type GrpcAsked, grpcFault } from "./grpc.ts";
import {
  judgeClock,
  judgeCopies,
  judgeNats,
  judgeShards,
  judgeTemporal,
  judgeVersion,
  offsetByDate,
  ownCollections,
  versionsMin,
} from "./judge.ts";
import { patience } from "./patience.ts";

export interface Inspectors {
  readonly nats: (addresses: Addresses) => Promise<NatsFacts>;
  readonly temporal: (addresses: Addresses) => Promise<TemporalFacts>;
}

export interface Asked {
  readonly config: Config;
  readonly addresses: Addresses;
  readonly timeoutMs: number;
}

export async function checkNats(
  { config, addresses }: Asked,
  inspect: Inspectors["nats"],
): Promise<readonly Finding[]> {
  try {
    const facts = await inspect(addresses);
    return judgeNats(facts, { partitions: addresses.partitions, replicas: config.nats.replicas });
  } catch (thrown) {
    const mend = `${startCommand} starts one; else correct FRESHET_NATS_URL and its credentials`;
    const where = addresses.nats.replaceAll(/\/\/[^@/,]*@/g, "//");
    return [fail("NATS", `nats at ${where} does not answer: ${lineOf(thrown)}`, mend)];
  }
}

export async function checkTemporal(
  { addresses }: Asked,
  inspect: Inspectors["temporal"],
): Promise<readonly Finding[]> {
  try {
    return judgeTemporal(await inspect(addresses));
  } catch (thrown) {
    const mend = `${startCommand} starts one; else correct FRESHET_TEMPORAL_ADDRESS (without it nothing is merged)`;
    const { address } = addresses.temporal;
    return [fail("Temporal", `${address} does not answer: ${lineOf(thrown)}`, mend)];
  }
}

const metaSchema = z.looseObject({ version: z.string() });

/** Each node of a cluster. */
export async function checkWeaviate(asked: Asked): Promise<readonly Finding[]> {
  const link = asked.addresses.weaviate ?? asked.config.weaviate;
  const urls = link.url.split(",");
  const addresses = link.grpc.split(",");
  const checks = urls.map((url, at) =>
    checkWeaviateAt(asked, {
      ...{ ...link, url, grpc: addresses[at]?.trim() ?? "" },
      what: urls.length === 1 ? "Weaviate" : `Weaviate ${hostOf(url)}`,
    }),
  );
  return (await Promise.all(checks)).flat();
}

async function checkWeaviateAt(
  { timeoutMs }: Asked,
  { url, grpc, apiKey, tls, what }: Config["weaviate"] & { readonly what: string },
): Promise<readonly Finding[]> {
  const mend = `${startCommand} starts one; else correct FRESHET_WEAVIATE_URL (only memory answers now)`;
  const ready = await ask(`${url}/v1/.well-known/ready`, { tls, timeoutMs });
  if ("failed" in ready)
    return [fail(what, `${hostOf(url)} does not answer: ${ready.failed}`, mend)];
  if (!ready.ok) return [fail(what, `is not ready (${ready.status})`, "look at its log")];
  const meta = await ask(`${url}/v1/meta`, { tls, timeoutMs, key: apiKey });
  if ("failed" in meta) return [fail(what, meta.failed, mend)];
  if (meta.status === 401 || meta.status === 403) {
    return [fail(what, `refuses the key (${meta.status})`, "correct FRESHET_WEAVIATE_API_KEY")];
  }
  const parsed = metaSchema.safeParse(meta.json);
  const version = parsed.success ? parsed.data.version : "unknown";
  const schema = await ask(`${url}/v1/schema`, { tls, timeoutMs, key: apiKey });
  const checkShards = async (of: unknown): Promise<readonly Finding[]> => {
    const looks = ownCollections(of).map(async ({ name }) => {
      const shards = await ask(`${url}/v1/schema/${name}/shards`, { tls, timeoutMs, key: apiKey });
      return "failed" in shards ? [] : judgeShards(name, shards.json);
    });
    return (await Promise.all(looks)).flat();
  };
  return [
    judgeVersion(what, version, versionsMin.weaviate),
    await checkGrpc({ address: grpc, isSecure: url.startsWith("https:"), tls, timeoutMs }),
    ...("failed" in schema ? [] : judgeCopies(schema.json)),
    ...("failed" in schema ? [] : await checkShards(schema.json)),
    ...clockOf("clock of Weaviate", meta),
  ];
}

/** Merges write and questions search by it; the rest of Weaviate is there without. */
async function checkGrpc(asked: GrpcAsked): Promise<Finding> {
  const what = "Weaviate gRPC";
  const fault = await grpcFault(asked);
  if (fault === undefined) return ok(what, asked.address);
  const mend =
    "correct FRESHET_WEAVIATE_GRPC (without it nothing is merged, and only memory answers)";
  return fail(what, `${asked.address} does not answer: ${fault}`, mend);
}

const readySchema = z.looseObject({ ready: z.boolean(), missing: z.array(z.string()) });

export async function checkEngine({ addresses, timeoutMs }: Asked): Promise<readonly Finding[]> {
  const what = "engine";
  const { http } = addresses;
  const answer = await ask(`${http}/readyz`, { tls: addresses.api?.tls, timeoutMs });
  if ("failed" in answer) {
    const { hostname, port, protocol } = new URL(http);
    const usual = protocol === "https:" ? 443 : 80;
    const at = port === "" ? usual : Number(port);
    if (await isFree(hostname, at)) {
      return [warn(what, `none runs at ${http}; the port is free`, startCommand)];
    }
    // An engine that is busy looks like a stranger: nobody is told to stop it.
    const mend = `an engine may be busy: look at its log, or give it longer (--timeout); another program: stop it, or set FRESHET_HTTP_PORT`;
    return [fail(what, `what listens on port ${at} does not answer: ${answer.failed}`, mend)];
  }
  const parsed = readySchema.safeParse(answer.json);
  if (!parsed.success) {
    const mend = "another program has the port: stop it, or set FRESHET_HTTP_PORT";
    return [fail(what, `what answers at ${http} is no engine (status ${answer.status})`, mend)];
  }
  const { ready, missing } = parsed.data;
  const clock = clockOf("clock of the engine", answer);
  if (ready && missing.length === 0) return [ok(what, `${http} is ready`), ...clock];
  const says = missing.join("; ") || "is starting";
  const mend = "freshet status says more";
  return [ready ? warn(what, `ready, but: ${says}`, mend) : fail(what, says, mend), ...clock];
}

const modelsSchema = z.looseObject({
  data: z.array(
    z.looseObject({
      id: z.string(),
      freshet: z.looseObject({ fingerprint: z.string(), dimensions: z.number() }).optional(),
    }),
  ),
});

/** Of a pool every server has to compute the same. */
export async function checkEmbedServers({ config, timeoutMs }: Asked): Promise<readonly Finding[]> {
  const { remote, link } = config.embedding;
  if (remote?.url === undefined) return [];
  const { tls, apiKey: key } = link;
  const prints = new Set<string>();
  const findings = await Promise.all(
    remote.url.split(",").map(async (url): Promise<Finding> => {
      const what = `embedding server ${hostOf(url)}`;
      const mend = "start it (freshet embed-server), or correct FRESHET_EMBED_URL";
      const base = withoutEnd(withoutEnd(url, "/").replace(/\/(?:embeddings|embed)$/, ""), "/");
      const answer = await ask(`${base}/models`, { tls, timeoutMs, key });
      if ("failed" in answer) return fail(what, `does not answer: ${answer.failed}`, mend);
      if (answer.status === 401 || answer.status === 403) {
        return fail(what, `refuses the key (${answer.status})`, "correct FRESHET_EMBED_API_KEY");
      }
      const parsed = modelsSchema.safeParse(answer.json);
      const own = parsed.success ? parsed.data.data.find((one) => one.freshet) : undefined;
      if (own?.freshet === undefined) return ok(what, `answers (${answer.status})`);
      prints.add(own.freshet.fingerprint);
      return ok(
        what,
        `${own.id}, ${own.freshet.dimensions} dimensions, ${own.freshet.fingerprint}`,
      );
    }),
  );
  if (prints.size < 2) return findings;
  const mend = "run the same model and precision on all of them, or engines refuse some";
  return [...findings, warn("embedding servers", "compute with several graphs", mend)];
}

export async function checkLanguageModels(asked: Asked): Promise<readonly Finding[]> {
  const { languageModels } = asked.config;
  if (languageModels.length === 0) {
    return [ok("language model", "none: answers are sentences of the sources")];
  }
  const found = await Promise.all(languageModels.map((link) => checkLanguageModel(asked, link)));
  return found.flat();
}

async function checkLanguageModel(
  { timeoutMs }: Asked,
  { name, url, apiKey: key, tls, model }: Config["languageModels"][number],
): Promise<readonly Finding[]> {
  const what = `language model ${name}`;
  const answer = await ask(`${withoutEnd(url, "/")}/models`, { tls, timeoutMs, key });
  const mend =
    "correct its address; until it answers, the next one writes, in the end sentences of the sources";
  if ("failed" in answer)
    return [warn(what, `${hostOf(url)} does not answer: ${answer.failed}`, mend)];
  if (answer.status === 401 || answer.status === 403) {
    return [fail(what, `refuses the key (${answer.status})`, "correct its key")];
  }
  return [ok(what, `${model} at ${hostOf(url)}`)];
}

interface Answered {
  readonly ok: boolean;
  readonly status: number;
  readonly json: unknown;
  /** The server's clock less ours; undefined where it does not say. */
  readonly offsetMs: number | undefined;
}

async function ask(
  url: string,
  options: {
    readonly tls: TlsFiles | undefined;
    readonly timeoutMs: number;
    readonly key?: (() => string) | undefined;
  },
): Promise<Answered | { readonly failed: string }> {
  const { tls, timeoutMs, key } = options;
  try {
    const askedAtMs = systemClock.nowMs();
    const headers: Record<string, string> =
      key === undefined ? {} : { authorization: `Bearer ${key()}` };
    const signal = patience(timeoutMs);
    const response = await askUrl(url, { tls, headers, signal });
    const answeredAtMs = systemClock.nowMs();
    const dateMs = Date.parse(response.headers.get("date") ?? "");
    const offsetMs = Number.isNaN(dateMs)
      ? undefined
      : offsetByDate({ dateMs, askedAtMs, answeredAtMs });
    const json: unknown = await response.json().catch(() => undefined);
    return { ok: response.ok, status: response.status, json, offsetMs };
  } catch (thrown) {
    // Some errors repeat the address, which may hold a password.
    return { failed: lineOf(thrown).replaceAll(url, hostOf(url)) };
  }
}

function clockOf(what: string, { offsetMs }: Answered): readonly Finding[] {
  return offsetMs === undefined ? [] : [judgeClock(what, offsetMs)];
}

/** Without what a URL says of users and passwords. */
function hostOf(url: string): string {
  return URL.canParse(url) ? new URL(url).host : "the address";
}

/** The reason of a failed connection; never a URL, which may hold a password. */
function lineOf(thrown: unknown): string {
  if (!(thrown instanceof Error)) return "no reason";
  const { cause } = thrown;
  if (thrown.name === "TimeoutError") return "no answer in time";
  const inner = cause instanceof Error && "code" in cause ? String(cause.code) : undefined;
  return inner ?? thrown.message.split("\n")[0]?.slice(0, 200) ?? "no reason";
}

function isFree(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, host, () => server.close(() => resolve(true)));
  });
}
