/**
 * A retriever for LangChain: passages of Freshet as its documents. It needs the packages
 * `@langchain/core` and `@freshet/client`.
 */
import { overHttp } from "@freshet/client";
import { Document } from "@langchain/core/documents";
import { BaseRetriever } from "@langchain/core/retrievers";

export class FreshetRetriever extends BaseRetriever {
  lc_namespace = ["freshet", "retrievers"];

  /** @param options `client`, and what a question may say beside its words: `top_k`, `filter` … */
  constructor({ client, question = {}, ...fields }) {
    super(fields);
    this.client = client;
    this.question = question;
  }

  async _getRelevantDocuments(query, run) {
    const signal = run?.signal;
    const { sources } = await this.client.search({ ...this.question, query }, { signal });
    return sources.map(({ id, text, metadata, ...source }) => {
      const { version, chunk, score, cosine, title, published_at } = source;
      const described = { version, chunk, score, cosine, title, published_at };
      return new Document({
        id: `${id}@${version}#${chunk}`,
        pageContent: text,
        metadata: { ...metadata, ...described, id, source: source.source ?? id },
      });
    });
  }
}

const client = overHttp({
  url: process.env.FRESHET ?? "http://127.0.0.1:8787",
  tenant: process.env.TENANT ?? "demo",
});
await client.publish({
  id: "example-14-lamp",
  text: "The lamp of the lighthouse turns once in twelve seconds.",
  metadata: { kind: "lighthouse" },
});
const filter = { "metadata.kind": "lighthouse" };
const retriever = new FreshetRetriever({ client, question: { top_k: 2, filter } });
const found = await retriever.invoke("How fast does the lamp turn?");
console.log(found.map(({ id, pageContent }) => `${id}: ${pageContent}`).join("\n"));
if (found[0]?.metadata.id !== "example-14-lamp") process.exitCode = 1;
