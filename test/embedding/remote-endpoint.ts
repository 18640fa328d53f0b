/** A real local embedding endpoint in both shapes; its vectors are those of the memory embedder. */

import type { ServerResponse } from "node:http";
import { createMemoryEmbedder } from "../../src/embedding/memory.ts";
import type { Handler } from "../answer/misbehaving-endpoint.ts";

const tokens = Int32Array.of(1, 2);

/** One entry of the list in a reply of the OpenAI shape. */
export interface Entry {
  readonly index?: number;
  readonly embedding: unknown;
}

export interface AskedBody {
  readonly input?: readonly string[];
  readonly inputs?: readonly string[];
  readonly model?: string;
  readonly encoding_format?: string;
}

async function vectorsOf(texts: readonly string[]): Promise<number[][]> {
  const inputs = texts.map((text) => ({ text, tokens }));
  const vectors = await createMemoryEmbedder().embed(inputs, { lane: "query" });
  return vectors.map((vector) => [...vector]);
}

export function base64Of(vector: readonly number[]): string {
  return Buffer.from(Float32Array.from(vector).buffer).toString("base64");
}

export function sendJson(response: ServerResponse, value: unknown): void {
  response.setHeader("content-type", "application/json");
  response.end(JSON.stringify(value));
}

/** Answers both routes as their servers do, after `change` had its way with the entries. */
export function embedding(change: (entries: Entry[]) => readonly Entry[] = (e) => e): Handler {
  return (request, response) => {
    const body = JSON.parse(request.body) as AskedBody;
    const isNative = request.url?.endsWith("/embed") === true;
    void vectorsOf((isNative ? body.inputs : body.input) ?? []).then((vectors) => {
      const entries = change(
        vectors.map((vector, index) => ({
          index,
          embedding: body.encoding_format === "base64" ? base64Of(vector) : vector,
        })),
      );
      const list = entries.map((entry) => entry.embedding);
      sendJson(response, isNative ? list : { object: "list", data: entries });
    });
  };
}

/** The list of the entries' vectors as numbers, whatever was asked for. */
export function asNumbers(entry: Entry): number[] {
  if (typeof entry.embedding !== "string") return entry.embedding as number[];
  const bytes = new Uint8Array(Buffer.from(entry.embedding, "base64"));
  return [...new Float32Array(bytes.buffer)];
}
