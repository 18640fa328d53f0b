/** A language model and a reranker that write down everything that they are sent. */

import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

export interface RecordingModels extends AsyncDisposable {
  readonly llmUrl: string;
  readonly rerankUrl: string;
  /** Headers and bodies, in order. */
  readonly received: readonly string[];
}

/** An engine that sends to them and to the collector, and says more than it would by itself. */
export const leakSettings = (models: RecordingModels, collectorUrl: string) => ({
  FRESHET_LOG_LEVEL: "debug",
  FRESHET_AUDIT: "stream",
  FRESHET_DOCUMENT_IDS: "refuse",
  // Questions that nothing is about reach the model, too.
  FRESHET_DECLINE_IRRELEVANT: "off",
  FRESHET_LLM_URL: models.llmUrl,
  FRESHET_LLM_MODEL: "recording",
  FRESHET_RERANK_URL: models.rerankUrl,
  OTEL_EXPORTER_OTLP_ENDPOINT: collectorUrl,
});

const written = { content: "The lamp is lit [1].", role: "assistant" };
const usage = { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 };

export async function startRecordingModels(): Promise<RecordingModels> {
  const received: string[] = [];
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on("data", (part: Buffer) => parts.push(part));
    request.on("end", () => {
      const body = Buffer.concat(parts).toString("utf8");
      received.push(`${request.url} ${JSON.stringify(request.headers)}\n${body}`);
      const asked = body === "" ? {} : (JSON.parse(body) as Asked);
      if (asked.documents !== undefined) {
        const results = asked.documents.map((_, index) => ({ index, relevance_score: 0.5 }));
        return response.end(JSON.stringify({ results }));
      }
      if (asked.stream !== true) {
        const choices = [{ index: 0, message: written, finish_reason: "stop" }];
        return response.end(JSON.stringify({ choices, usage }));
      }
      response.writeHead(200, { "content-type": "text/event-stream" });
      const choices = [{ index: 0, delta: written, finish_reason: "stop" }];
      return response.end(`data: ${JSON.stringify({ choices, usage })}\n\ndata: [DONE]\n\n`);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    llmUrl: `${url}/v1`,
    rerankUrl: `${url}/rerank`,
    received,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

interface Asked {
  readonly documents?: readonly unknown[];
  readonly stream?: boolean;
}
