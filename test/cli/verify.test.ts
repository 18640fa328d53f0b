import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Verifiable } from "../../src/answer/verify.ts";
import { verdictsOf } from "../../src/cli/commands/verify.ts";
import { type NamedReply, readReplies } from "../../src/cli/verify/replies.ts";
import type { Position, TenantId } from "../../src/contract/ids.ts";
import { type Answer, parseQuestion } from "../../src/contract/query.ts";
import { acme } from "../actors/kit.ts";
import { type MemoryEngine, startMemoryEngine } from "../support/memory-engine.ts";
import { runHere } from "../support/run-cli.ts";

const other = "other" as TenantId;
const { signal } = new AbortController();
const names = ["Heron", "Otter", "Kestrel", "Marten", "Curlew"] as const;
/** Several passages each, so that ranges do not all begin at 0. */
const textOf = (number: number, edition: string): string =>
  Array.from(
    { length: 12 },
    (_, at) =>
      `${names[at % 5]} ${number} of the ${edition} edition was counted ${at + 3} times by the river. ` +
      `It rests in reed bed ${number * 10 + at}, and nobody disturbs it there in winter.`,
  ).join("\n\n");

let engine: MemoryEngine;
let answers: readonly Verifiable[];

const encoder = new TextEncoder();
async function publish(tenant: TenantId, id: string, text: string): Promise<number> {
  const payload = encoder.encode(JSON.stringify({ id, text, title: `Notes ${id}` }));
  return (await engine.log.docs.publish({ tenant, payload })).seq;
}

async function ask(tenant: TenantId, query: string, minSeq: number): Promise<Verifiable> {
  const question = parseQuestion({ query, top_k: 3, min_seq: minSeq, wait_ms: 20_000 });
  return (await engine.service.ask({ tenant, question, signal })) as Answer & Verifiable;
}

beforeAll(async () => {
  engine = startMemoryEngine({ partitions: 2 });
  let last = 0;
  for (let number = 0; number < 20; number += 1) {
    await publish(acme, `doc-${number}`, textOf(number, "first"));
    last = await publish(acme, `doc-${number}`, textOf(number, "second"));
  }
  const lastOfOther = await publish(other, "doc-1", textOf(1, "second"));
  await ask(other, "Where does Heron 1 rest?", lastOfOther);
  const made: Verifiable[] = [];
  for (let count = 0; count < 1_000; count += 1) {
    const number = count % 20;
    made.push(
      await ask(
        acme,
        `How often was ${names[count % 5]} ${number} counted, and where (${count})?`,
        last,
      ),
    );
  }
  answers = made;
});
afterAll(() => engine.stop());

async function verdicts(replies: readonly Verifiable[], tenant?: TenantId, deployment?: string) {
  const named = replies.map((reply, index) => ({ name: String(index), reply }));
  const { chunks } = engine.log;
  const at = { chunks, deployment: deployment ?? engine.log.deployment, tenant };
  return verdictsOf(named, at, signal);
}

const kindsOf = (verdict: Awaited<ReturnType<typeof verdicts>>[number] | undefined) =>
  verdict?.outcome === "failed" ? verdict.problems.map(({ kind }) => kind) : [verdict?.outcome];

type Mutable<Value> = Value extends object
  ? { -readonly [Key in keyof Value]: Mutable<Value[Key]> }
  : Value;
type Forged = Mutable<Verifiable>;
type Forgery = (reply: Forged, all: readonly Verifiable[]) => void;

/** What a reply rests on, and the citation of it. */
function cited(reply: Forged) {
  const citation = reply.citations[0];
  const source = reply.sources[(citation?.marker ?? 0) - 1];
  if (citation === undefined || source === undefined) throw new Error("nothing is cited");
  return { citation, source };
}

const forgeries: Readonly<Record<string, readonly [kind: string, forge: Forgery]>> = {
  "edited text of a source": [
    "text",
    (reply) => {
      const { source } = cited(reply);
      source.text = source.text.replace("river", "ocean");
    },
  ],
  "edited sentence of the answer": [
    "citation",
    (reply) => {
      reply.answer = reply.answer.replace(/counted \d+ times/, "counted 999 times");
      if (!reply.answer.includes("999")) reply.answer = `Never: ${reply.answer}`;
    },
  ],
  "shifted range": [
    "range",
    (reply) => {
      const { citation } = cited(reply);
      citation.start = (citation.start ?? 0) + 1;
      citation.end = (citation.end ?? 0) + 1;
    },
  ],
  "shifted range of source and citation together": [
    "range",
    (reply) => {
      for (const each of [...reply.sources, ...reply.citations]) {
        each.start = (each.start ?? 0) + 7;
        each.end = (each.end ?? 0) + 7;
      }
    },
  ],
  "another version of the document": [
    "text",
    (reply) => {
      // The edition before it, which the log still has.
      const { source } = cited(reply);
      const { version } = source;
      for (const each of [...reply.sources, ...reply.citations]) {
        if (each.version === version) each.version -= 1;
      }
      for (const each of reply.citations) each.seq = each.version;
    },
  ],
  "another document": [
    "document",
    (reply) => {
      const { source } = cited(reply);
      const { id } = source;
      for (const each of [...reply.sources, ...reply.citations])
        if (each.id === id) each.id = "doc-x";
    },
  ],
  "another tenant": ["version", (reply) => void (reply.origin.tenant = other)],
  "a dropped marker": [
    "marker",
    (reply) => void (reply.answer = reply.answer.replace(/ ?\[\d\]/, "")),
  ],
  "a dropped citation": ["marker", (reply) => void reply.citations.pop()],
  "another chunk": [
    "text",
    (reply) => {
      const { source } = cited(reply);
      const { id, chunk } = source;
      const to = chunk === 0 ? 1 : 0;
      for (const each of [...reply.sources, ...reply.citations]) {
        if (each.id === id && each.chunk === chunk) each.chunk = to;
      }
    },
  ],
  "a chunk that is not there": [
    "chunk",
    (reply) => {
      for (const each of [...reply.sources, ...reply.citations]) each.chunk += 1_000;
    },
  ],
  "another sequence": [
    "seq",
    (reply) => {
      const { citation } = cited(reply);
      citation.seq += 1;
    },
  ],
  "an invented document": [
    "version",
    (reply) => {
      for (const each of [...reply.sources, ...reply.citations]) {
        each.id = "invented";
        each.version += 5_000;
      }
      for (const each of reply.citations) each.seq = each.version;
    },
  ],
  "another deployment": ["deployment", (reply) => void (reply.origin.deployment = "f".repeat(16))],
  "a better verdict": [
    "citation",
    (reply) => {
      const { citation } = cited(reply);
      citation.support = citation.support === "supported" ? "weak" : "supported";
    },
  ],
};

describe("freshet verify", () => {
  it("passes a thousand true answers, each with citations and places in its documents (VY1)", async () => {
    const found = await verdicts(answers);
    expect(new Set(found.map(({ outcome }) => outcome))).toEqual(new Set(["passed"]));
    const citations = answers.flatMap((answer) => answer.citations);
    expect(citations.length).toBeGreaterThan(1_000);
    expect(citations.every(({ start = -1, end = -1 }) => start >= 0 && end > start)).toBe(true);
    expect(new Set(citations.map(({ start }) => start)).size).toBeGreaterThan(10);
  });

  it.each(Object.entries(forgeries))("fails %s", async (_name, [kind, forge]) => {
    const forged = answers.slice(0, 100).map((reply) => {
      const copy = structuredClone<Forged>(reply);
      forge(copy, answers);
      return copy;
    });
    const found = await verdicts(forged);
    for (const verdict of found) expect(verdict.outcome).toBe("failed");
    expect(found.flatMap(kindsOf)).toContain(kind);
  });

  it("fails a true reply that has to be another tenant's", async () => {
    const found = await verdicts(answers.slice(0, 3), other);
    expect(found.map(kindsOf)).toEqual([["tenant"], ["tenant"], ["tenant"]]);
  });

  it("says what the log has let go of, which is neither true nor false (VY2)", async () => {
    const reply = answers[0] as Verifiable;
    const last = await engine.log.chunks.last(acme);
    await engine.log.chunks.purge({ tenant: acme, below: last?.position as Position });
    const [found] = await verdicts([reply]);
    expect(found).toMatchObject({ outcome: "unverifiable" });
    const forged = structuredClone<Forged>(reply);
    forged.answer = forged.answer.replace(/\[\d\]/, "");
    expect(kindsOf((await verdicts([forged]))[0])).toContain("marker");
  });
});

describe("files of replies", () => {
  const folder = mkdtempSync(join(tmpdir(), "freshet-verify-"));
  const file = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };
  const read = (name: string, text: string): Promise<readonly NamedReply[]> =>
    readReplies(file(name, text), { stdin: Readable.from([]) });
  afterAll(() => rmSync(folder, { recursive: true }));

  it("hold one, an array, or one a line, and may be piped in", async () => {
    const text = JSON.stringify(answers[0]);
    expect(await read("one.json", text)).toHaveLength(1);
    expect(await read("array.json", `[${text},${text}]`)).toHaveLength(2);
    const lines = `${text}\n${text}\n`;
    expect(await read("lines.ndjson", lines)).toHaveLength(2);
    const piped = await readReplies("-", { stdin: Readable.from([Buffer.from(lines)]) });
    expect(piped.map(({ name }) => name)).toEqual(["stdin[0]", "stdin[1]"]);
    const { code, err } = await runHere(["verify", "-"], { stdin: "hello" });
    expect(code).toBe(1);
    expect(err).toContain("stdin: neither JSON nor one reply a line");
  });

  it("of another kind are refused in words", async () => {
    const { citations: _, ...search } = answers[0] as Verifiable;
    await expect(read("search.json", JSON.stringify(search))).rejects.toThrow(
      /citations is missing/,
    );
    await expect(read("text.json", "hello")).rejects.toThrow(/neither JSON/);
    for (const empty of ["", "\n", "[]"]) {
      await expect(read("empty.json", empty)).rejects.toThrow(/holds no reply/);
    }
    await expect(read("else.json", "{}")).rejects.toThrow(/no reply of Freshet/);
    const { code, err } = await runHere(["verify", "/nowhere.json"]);
    expect(code).toBe(2);
    expect(err).toContain("there is no such file");
  });
});
