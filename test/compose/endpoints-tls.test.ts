import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { createOpenAiModel } from "../../src/answer/openai.ts";
import type { TlsFiles } from "../../src/contract/links.ts";
import { createRemoteEmbedder } from "../../src/embedding/remote.ts";
import { createDoclingParser } from "../../src/ingest/formats/remote-parser.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import {
  httpsServer,
  type Listening,
  openTlsKit,
  plainServer,
  type TlsKit,
} from "../support/tls-kit.ts";

let kit: TlsKit;
const servers: Listening[] = [];

beforeAll(async () => {
  kit = await openTlsKit();
});
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close();
});
afterAll(() => kit.close());

const completion = JSON.stringify({ choices: [{ message: { content: "yes" } }] });
const embeddings = JSON.stringify({ data: [{ index: 0, embedding: [3, 4] }] });
const parsed = JSON.stringify({ status: "success", document: { md_content: "# Read" } });

async function endpoint(pair: "good" | "wrongName" | "expired", mutual = false): Promise<string> {
  const server = await httpsServer({ kit, pair: kit[pair], mutual }, (request, reply) => {
    const { url = "", headers } = request;
    request.resume();
    if (headers.authorization !== "Bearer k" && headers["x-api-key"] !== "k") {
      reply.writeHead(401).end();
      return;
    }
    reply.setHeader("content-type", "application/json");
    const isEmbedding = url.endsWith("/embeddings");
    reply.end(url.includes("/convert/") ? parsed : isEmbedding ? embeddings : completion);
  });
  servers.push(server);
  return `https://localhost:${server.port}/v1`;
}

const apiKey = (): string => "k";
type Ask = (url: string, tls: TlsFiles | undefined) => Promise<string>;

/** Each answers with text, or throws what its caller is told. */
const links: readonly [string, string, Ask][] = [
  [
    "the language model",
    "FRESHET_LLM_TLS",
    async (url, tls) => {
      const model = createOpenAiModel({
        baseUrl: url,
        model: "m",
        apiKey,
        tls,
        clock: systemClock,
      });
      try {
        await model.ping();
        const { signal } = new AbortController();
        return await model.complete({ messages: [], maxTokens: 1, signal });
      } finally {
        await model.close();
      }
    },
  ],
  [
    "the embedder",
    "FRESHET_EMBED_TLS",
    async (url, tls) => {
      const model = { name: "m", dimensions: 2, maxTokens: 8 };
      const link = { url, model, apiKey, tls };
      const embedder = await createRemoteEmbedder({ ...link, clock: systemClock, random: () => 0 });
      await embedder.close();
      return "yes";
    },
  ],
  [
    "the parser",
    "FRESHET_PARSER_TLS",
    async (url, tls) => {
      let why = "no reason";
      const warn = (line: string) => void (why = line);
      const parser = createDoclingParser({ url: url.replace(/\/v1$/, ""), apiKey, tls, warn });
      const file = { id: "a.pdf", path: "a.pdf", kind: "pdf" } as unknown as Parameters<
        typeof parser.parse
      >[0];
      const [part] = await parser.parse(file, new Uint8Array());
      if (part !== undefined && "text" in part) return "yes";
      throw new Error(why);
    },
  ],
];

describe.each(links)("%s over TLS", (_name, settings, ask) => {
  const files = (more?: Partial<TlsFiles>) => kit.files(settings, more);
  const told = (asked: Promise<unknown>, why: RegExp) => expect(asked).rejects.toThrow(why);

  it("answers whoever has its CA, and a certificate where it wants one", async () => {
    await expect(ask(await endpoint("good"), files())).resolves.toBe("yes");
    const { certFile, keyFile } = kit.client;
    await expect(ask(await endpoint("good", true), files({ certFile, keyFile }))).resolves.toBe(
      "yes",
    );
  });

  it("is refused with a sentence that says what to do", async () => {
    const unknown = new RegExp(`unknown CA: .*${settings}_CA_FILE`);
    const good = await endpoint("good");
    await told(ask(good, undefined), unknown);
    await told(ask(good, files({ caFile: kit.otherCaFile })), unknown);
    await told(ask(await endpoint("wrongName"), files()), /other names \(DNS:elsewhere/);
    await told(ask(await endpoint("expired"), files()), /has expired: renew it/);
    const plain = await plainServer();
    servers.push(plain);
    await told(ask(`https://localhost:${plain.port}`, files()), /plain text: turn TLS on/);
  });

  it("is not reached without the client certificate that it wants", async () => {
    await told(ask(await endpoint("good", true), files()), new RegExp(`${settings}_CERT_FILE`));
  });
});
