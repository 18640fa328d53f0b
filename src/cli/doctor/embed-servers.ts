/** Embed servers that have addresses: each is asked what it is, or else for a vector. */

import { z } from "zod";
import type { Config } from "../../config/config.ts";
import { withoutEnd } from "../../contract/without-end.ts";
import { type Answered, ask, hostOf, type Unanswered } from "./ask.ts";
import { type Finding, fail, ok, warn } from "./finding.ts";

export interface AskedEmbedding {
  readonly config: Pick<Config, "embedding">;
  readonly timeoutMs: number;
}

const modelsSchema = z.looseObject({
  data: z.array(
    z.looseObject({
      id: z.string(),
      freshet: z.looseObject({ fingerprint: z.string(), dimensions: z.number() }).optional(),
    }),
  ),
});

/** Of an embed server of Freshet. */
interface Own {
  readonly model: string;
  readonly fingerprint: string;
}

interface Found {
  readonly finding: Finding;
  readonly own?: Own | undefined;
}

/** Those of engines, and of the models that tenants are re-embedded by. */
export async function checkEmbedServers(asked: AskedEmbedding): Promise<readonly Finding[]> {
  const { remote, generations } = asked.config.embedding;
  const pools: readonly Pool[] = [
    { url: remote?.url, setting: "FRESHET_EMBED_URL", requestModel: remote?.model },
    ...[...generations].map(([model, { url }]) => ({ url, setting, requestModel: model, model })),
  ];
  return (await Promise.all(pools.map((pool) => checkPool(asked, pool)))).flat();
}

const setting = "FRESHET_EMBED_GENERATIONS";

interface Pool {
  /** With commas between; undefined: none, or on NATS. */
  readonly url: string | undefined;
  readonly setting: string;
  /** What servers that have several are asked for. */
  readonly requestModel: string | undefined;
  /** What it has to be; undefined: whatever all of them are. */
  readonly model?: string | undefined;
}

/** Every server has to compute the same. */
async function checkPool(asked: AskedEmbedding, pool: Pool): Promise<readonly Finding[]> {
  if (pool.url === undefined) return [];
  const urls = pool.url.split(",").map((url) => url.trim());
  const found = await Promise.all(urls.map((url) => checkEmbedServer(asked, { ...pool, url })));
  return [
    ...found.map(({ finding }) => finding),
    ...judgeTogether(found.flatMap(({ own }) => (own === undefined ? [] : [own]))),
  ];
}

/** An engine does not start with several models; precisions of one it mixes. */
export function judgeTogether(all: readonly Own[]): readonly Finding[] {
  const what = "embedding servers";
  const models = [...new Set(all.map(({ model }) => model))];
  if (models.length > 1) {
    const mend = "run the same model on all of them, or no engine starts";
    return [fail(what, `compute with several models: ${models.join(", ")}`, mend)];
  }
  if (new Set(all.map(({ fingerprint }) => fingerprint)).size < 2) return [];
  const mend = "engines mix precisions of one model; run one on all for the same scores everywhere";
  return [warn(what, "compute with several graphs of one model", mend)];
}

async function checkEmbedServer(
  { config, timeoutMs }: AskedEmbedding,
  { url, setting: named, requestModel, model }: Pool & { readonly url: string },
): Promise<Found> {
  const { link } = config.embedding;
  const what = `embedding server ${hostOf(url)}`;
  const asking = { tls: link.tls, settings: "FRESHET_EMBED_TLS", timeoutMs, key: link.apiKey };
  const route = routeOf(url);
  const answer = await ask(`${route.base}/models`, asking);
  const refused = refusalOf(what, answer, named);
  if (refused !== undefined) return { finding: refused };
  const parsed = modelsSchema.safeParse("json" in answer ? answer.json : undefined);
  const one = parsed.success ? parsed.data.data.find(({ freshet }) => freshet) : undefined;
  if (one?.freshet !== undefined) {
    const { fingerprint, dimensions } = one.freshet;
    if (model !== undefined && model !== one.id) {
      const mend = `run ${model} there, or correct ${named}`;
      return { finding: fail(what, `computes ${one.id} instead of ${model}`, mend) };
    }
    const says = `${one.id}, ${dimensions} dimensions, ${fingerprint}`;
    return { finding: ok(what, says), own: { model: one.id, fingerprint } };
  }
  // Others may have no list of models: only the route that engines ask says whether it is there.
  const input = ["The harbour opens at six."];
  const body = route.isTei ? { inputs: input } : { input, model: requestModel };
  const made = await ask(route.url, { ...asking, body: JSON.stringify(body) });
  return { finding: refusalOf(what, made, named) ?? judgeMade(what, made, named) };
}

function judgeMade(what: string, made: Answered | Unanswered, named: string): Finding {
  if ("failed" in made || made.ok) return ok(what, "makes vectors");
  const mend =
    made.status === 404
      ? `correct ${named} (it ends with /v1, as clients of OpenAI's API have it), or FRESHET_EMBED_MODEL`
      : "look at its log, and at FRESHET_EMBED_MODEL";
  return fail(what, `makes no vector of a plain sentence (${made.status})`, mend);
}

function refusalOf(
  what: string,
  answer: Answered | Unanswered,
  named: string,
): Finding | undefined {
  if ("failed" in answer) {
    if (answer.mend !== undefined) return fail(what, answer.failed, answer.mend);
    const mend = `start it (freshet embed-server), or correct ${named}`;
    return fail(what, `does not answer: ${answer.failed}`, mend);
  }
  if (answer.status !== 401 && answer.status !== 403) return undefined;
  return fail(what, `refuses the key (${answer.status})`, "correct FRESHET_EMBED_API_KEY");
}

/** As an engine reads the address. */
function routeOf(url: string): { readonly base: string; readonly url: string; isTei: boolean } {
  const given = withoutEnd(url, "/");
  const base = withoutEnd(given.replace(/\/(?:embeddings|embed)$/, ""), "/");
  const isTei = given.endsWith("/embed");
  const isRoute = isTei || given.endsWith("/embeddings");
  return { base, isTei, url: isRoute ? given : `${given}/embeddings` };
}
