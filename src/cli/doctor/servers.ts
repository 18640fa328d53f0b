/** Servers, each asked once and for a bounded time. What does not answer is a finding. */

import { createServer } from "node:net";
import { z } from "zod";
import type { Config } from "../../config/config.ts";
import type { NatsFacts, TemporalFacts } from "../../contract/inspection.ts";
import { withoutEnd } from "../../contract/without-end.ts";
import type { Addresses } from "../addresses.ts";
import { startCommand } from "../run-file.ts";
import { type Answered, ask, hostOf, lineOf } from "./ask.ts";
import { type Finding, fail, ok, warn } from "./finding.ts";
import { type GrpcAsked, grpcFault } from "./grpc.ts";
import {
  judgeClock,
  judgeCopies,
  judgeNats,
  judgeShards,
  judgeTemporal,
  judgeVersion,
  ownCollections,
  versionsMin,
} from "./judge.ts";

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
    const line = lineOf(thrown);
    // Who was reached says so by name, and what it refuses.
    const found = line.startsWith("nats ") ? line : `nats at ${where} does not answer: ${line}`;
    return [fail("NATS", found, mend)];
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
  const link = { tls, settings: "FRESHET_WEAVIATE_TLS" };
  const ready = await ask(`${url}/v1/.well-known/ready`, { ...link, timeoutMs });
  if ("failed" in ready) {
    const says = `${hostOf(url)} does not answer: ${ready.failed}`;
    return [fail(what, says, ready.mend ?? mend)];
  }
  if (!ready.ok) return [fail(what, `is not ready (${ready.status})`, "look at its log")];
  const meta = await ask(`${url}/v1/meta`, { ...link, timeoutMs, key: apiKey });
  if ("failed" in meta) return [fail(what, meta.failed, mend)];
  if (meta.status === 401 || meta.status === 403) {
    return [fail(what, `refuses the key (${meta.status})`, "correct FRESHET_WEAVIATE_API_KEY")];
  }
  const parsed = metaSchema.safeParse(meta.json);
  const version = parsed.success ? parsed.data.version : "unknown";
  const schema = await ask(`${url}/v1/schema`, { ...link, timeoutMs, key: apiKey });
  const checkShards = async (of: unknown): Promise<readonly Finding[]> => {
    const looks = ownCollections(of).map(async ({ name }) => {
      const shards = await ask(`${url}/v1/schema/${name}/shards`, {
        ...link,
        timeoutMs,
        key: apiKey,
      });
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
  const answer = await ask(`${http}/readyz`, {
    ...{ tls: addresses.api?.tls, settings: "FRESHET_API_TLS", timeoutMs },
  });
  if ("failed" in answer) {
    if (answer.mend !== undefined) return [fail(what, `${http} ${answer.failed}`, answer.mend)];
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
  const answer = await ask(`${withoutEnd(url, "/")}/models`, {
    ...{ tls, settings: "FRESHET_LLM_TLS", timeoutMs, key },
  });
  const mend =
    "correct its address; until it answers, the next one writes, in the end sentences of the sources";
  if ("failed" in answer)
    return [warn(what, `${hostOf(url)} does not answer: ${answer.failed}`, answer.mend ?? mend)];
  if (answer.status === 401 || answer.status === 403) {
    return [fail(what, `refuses the key (${answer.status})`, "correct its key")];
  }
  return [ok(what, `${model} at ${hostOf(url)}`)];
}

function clockOf(what: string, { offsetMs }: Answered): readonly Finding[] {
  return offsetMs === undefined ? [] : [judgeClock(what, offsetMs)];
}

function isFree(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, host, () => server.close(() => resolve(true)));
  });
}
