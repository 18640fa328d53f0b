/** The questions of a comparison: given in a file, or made of what the generation holds. */

import { readFileSync } from "node:fs";
import { z } from "zod";
import { generationName, type TenantId } from "../../contract/ids.ts";
import { limits } from "../../contract/limits.ts";
import type { ChunksLog } from "../../log/port.ts";
import { CliError, usageError } from "../exit.ts";
import type { JudgedQuestion } from "./compare.ts";

const lineSchema = z.strictObject({
  query: z.string().trim().min(1).max(limits.questionCharsMax),
  relevant: z.record(z.string(), z.number().min(0).max(10)).optional(),
});

/** One a line: the question itself, or JSON with `query` and `relevant`. @throws CliError */
export function questionsIn(file: string): readonly JudgedQuestion[] {
  const lines = readLines(file);
  const questions = lines.flatMap((line, index): JudgedQuestion[] => {
    if (line.trim() === "") return [];
    if (!line.trimStart().startsWith("{")) return [{ query: line.trim() }];
    const parsed = lineSchema.safeParse(jsonIn(line));
    if (parsed.success) return [parsed.data];
    const form = '{"query": "...", "relevant": {"<document>": <gain>}}';
    throw usageError(`${file}, line ${index + 1}: a question, or JSON such as ${form}`);
  });
  if (questions.length > 0) return questions;
  throw usageError(`${file} holds no question`);
}

function readLines(file: string): readonly string[] {
  try {
    return readFileSync(file, "utf8").split(/\r?\n/);
  } catch (thrown) {
    const why = thrown instanceof Error && "code" in thrown ? String(thrown.code) : "unreadable";
    throw usageError(`${file} cannot be read (${why})`);
  }
}

function jsonIn(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

/**
 * Sentences of documents that the generation holds, spread over its records: what is asked is known
 * to be there, in redacted words.
 * @throws CliError when it has no document
 */
export async function sampledQuestions(
  chunks: Pick<ChunksLog, "first" | "last" | "headers" | "read">,
  of: { readonly tenant: TenantId; readonly number: number },
  count: number,
): Promise<readonly JudgedQuestion[]> {
  const tenant = generationName(of.tenant, of.number);
  const [first, last] = [await chunks.first(tenant), await chunks.last(tenant)];
  if (first === null || last === null) throw nothingThere(of.number);
  const range = { tenant, after: first.previous, to: last.position };
  const upserts: { readonly after: typeof first.position; readonly to: typeof first.position }[] =
    [];
  for await (const { kind, previous, position } of chunks.headers(range)) {
    if (kind === "upsert") upserts.push({ after: previous, to: position });
  }
  const step = Math.max(1, Math.floor(upserts.length / count));
  const questions: JudgedQuestion[] = [];
  for (let at = 0; at < upserts.length && questions.length < count; at += step) {
    const place = upserts[at];
    if (place === undefined) break;
    for await (const record of chunks.read({ tenant, ...place })) {
      if (record.kind !== "upsert") continue;
      const { chunks: parts, info } = record.body;
      const text = parts[at % Math.max(1, parts.length)]?.text ?? info.title ?? "";
      const query = sentenceOf(text);
      if (query !== "") questions.push({ query });
    }
  }
  if (questions.length > 0) return questions;
  throw nothingThere(of.number);
}

function sentenceOf(text: string): string {
  const [sentence = ""] = text.trim().split(/(?<=[.!?])\s/, 1);
  return sentence.slice(0, limits.reembedQuestionChars).trim();
}

const nothingThere = (number: number): CliError =>
  new CliError(`generation ${number} holds no document in the log: give questions by --questions`);
