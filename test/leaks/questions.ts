/** Questions with planted values in everything that an asker can write, on every surface. */

import type { Garden } from "./documents.ts";
import { get, type LeakSite, post } from "./site.ts";

export async function askEverything(
  site: LeakSite,
  garden: Garden,
  replies: string[],
): Promise<void> {
  garden.isAsking = true;
  for (const [path, body] of questionsOf(site, garden)) {
    const response = await post(site, path, body);
    const text = await response.text();
    // A refusal goes to who asked; what else it left behind is looked for all the same.
    if (response.ok) replies.push(text);
    else if (![400, 404].includes(response.status))
      throw new Error(`${path}: ${response.status} ${text}`);
  }
  for (const path of pathsOf(garden)) await (await get(site, path)).text();
  const asked = JSON.stringify({ query: `Who is ${garden.in("question over NATS")}?` });
  replies.push((await site.nats.request(`query.${site.tenant}`, asked, natsPatience)).string());
  const comment = { query: garden.in("feedback over NATS"), comment: garden.in("comment, NATS") };
  const to = `api.${site.tenant}.feedback`;
  replies.push((await site.nats.request(to, JSON.stringify(comment), natsPatience)).string());
}

const natsPatience = { timeout: 60_000 };

type Asked = readonly [path: string, body: object];

function questionsOf({ tenant }: LeakSite, garden: Garden): readonly Asked[] {
  const secret = (place: string, kind?: string): string => garden.in(place, kind);
  const question = (place: string): string => `Which lamp belongs to ${secret(place)}?`;
  const history = [
    { role: "user", content: `I am ${secret("conversation")}.` },
    { role: "assistant", content: `You are ${secret("conversation")}.` },
  ];
  const email = garden.plant("filter", "email").value;
  return [
    ["/answer", { query: question("question") }],
    ["/answer", { query: question("question"), mode: "search", explain: true }],
    ["/answer", { query: question("question"), stream: true }],
    ["/answer", { query: "And which lamp is his?", history }],
    ["/answer", { query: question("question"), history, instructions: secret("instructions") }],
    ["/answer", { query: "lamp", filter: { "metadata.owner": email } }],
    ["/answer", { query: "lamp", filter: { [`metadata.${secret("filter key", "email")}`]: 1 } }],
    ["/answer", { query: question("question of the past"), as_of: new Date().toISOString() }],
    ["/answer", { query: question("refused question"), [secret("unknown field", "email")]: 1 }],
    ["/answer", { query: "lamp", as_of: secret("as_of", "email") }],
    ["/answer", { query: "lamp", language: secret("language", "email") }],
    ["/answer", { query: "lamp", filter: { nothing: { [secret("operator", "email")]: 1 } } }],
    ["/v1/feedback", { query: secret("feedback"), comment: `Wrong: ${secret("comment")}` }],
    ["/v1/feedback", { query: secret("refused feedback"), sources: [{ id: 7 }] }],
    [
      "/v1/chat/completions",
      {
        model: "freshet",
        messages: [
          { role: "system", content: secret("system message") },
          ...history,
          { role: "user", content: question("chat") },
        ],
      },
    ],
    ["/v1/responses", { input: question("response"), instructions: secret("instructions") }],
    [
      "/retrieval",
      {
        knowledge_id: tenant,
        query: question("retrieval"),
        retrieval_setting: { top_k: 3, score_threshold: 0 },
      },
    ],
    [`/v1/vector_stores/${tenant}/search`, { query: question("vector store") }],
    ["/v1/embeddings", { model: "freshet", input: question("embeddings") }],
  ];
}

/** What stands in URLs, which programs like to log. */
function pathsOf(garden: Garden): readonly string[] {
  const secret = (place: string): string => encodeURIComponent(garden.plant(place, "email").value);
  return [
    `/v1/documents/${secret("path of a document")}`,
    `/v1/documents/${secret("path of a document")}/text`,
    `/v1/documents?after=${secret("query of a URL")}`,
    `/${secret("path of nothing")}`,
    `/v1/events?from_seq=${secret("query of a URL")}`,
    `/v1/sources/${secret("path of a source")}/events`,
  ];
}
