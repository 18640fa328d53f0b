/**
 * The reference tables of ops/guides say what the code says: each is compared with the table, the
 * schema or the set of names that the product itself runs on.
 */
import { describe, expect, it } from "vitest";
import { operationSchema } from "../../src/contract/document.ts";
import { errorTable } from "../../src/contract/errors.ts";
import type { DocumentEvent, DocumentStatus } from "../../src/contract/events.ts";
import { filterFields, filterTypes } from "../../src/contract/filter-schema.ts";
import { limits } from "../../src/contract/limits.ts";
import {
  answerSchema,
  coverageSchema,
  parseQuestion,
  questionSchema,
  recencySchema,
  sourceSchema,
  timingsSchema,
} from "../../src/contract/query.ts";
import { counters, gauges, histograms, type Instrument } from "../../src/observe/instruments.ts";
import { createMetrics } from "../../src/observe/metrics.ts";
import { readRepository } from "./repository.ts";

function guide(name: string): string {
  return readRepository([`ops/guides/${name}`])[0]?.text ?? "";
}

/** The cells of the rows of the table that has this header. */
function tableIn(text: string, header: string): readonly (readonly string[])[] {
  const lines = text.split("\n");
  const start = lines.findIndex((line) => line.startsWith(`| ${header} |`));
  if (start === -1) throw new Error(`there is no table with the header "${header}"`);
  const rest = lines.slice(start + 2);
  const end = rest.findIndex((line) => !line.startsWith("|"));
  const cells = (row: string) => row.slice(1, -1).split("|");
  return rest.slice(0, end).map((row) => cells(row).map((cell) => cell.trim()));
}

const named = (names: readonly string[]): string[] => names.map((name) => `\`${name}\``);
const number = (value: number): string => value.toLocaleString("en-US");

/** The names of a type, which the compiler holds complete. */
const statuses: Readonly<Record<DocumentStatus, true>> = {
  visible: true,
  deleted: true,
  superseded: true,
  rejected: true,
};
const eventFields: Readonly<Record<keyof DocumentEvent, true>> = {
  id: true,
  seq: true,
  status: true,
  reason: true,
  message: true,
  ms: true,
};

describe("errors.md", () => {
  it("has the error table, word for word", () => {
    const rows = Object.entries(errorTable).map(([code, { status, retryable, summary }]) => [
      `\`${code}\``,
      String(status),
      retryable ? "yes" : "no",
      summary,
    ]);
    expect(tableIn(guide("errors.md"), "Code | Status | Retryable | What happened")).toEqual(rows);
  });
});

describe("events-and-metrics.md", () => {
  const text = guide("events-and-metrics.md");

  it("has every field and every status of an event", () => {
    const fields = tableIn(text, "Field | Type | What it says").map(([field]) => field);
    expect(fields).toEqual(named(Object.keys(eventFields)));
    const rows = tableIn(text, "Status | Meaning").map(([status]) => status);
    expect(rows).toEqual(named(Object.keys(statuses)));
  });

  it("has every metric with its kind, labels and help", () => {
    const rowsOf = (kind: string, instruments: Readonly<Record<string, Instrument>>) =>
      Object.entries(instruments).map(([name, { labels, help }]) => [
        `\`freshet_${name}\``,
        kind,
        named(labels).join(", "),
        help,
      ]);
    expect(tableIn(text, "Metric | Kind | Labels | What it counts")).toEqual([
      ...rowsOf("counter", counters),
      ...rowsOf("histogram", histograms),
      ...rowsOf("gauge", gauges),
    ]);
  });

  it("names a metric of ours only if there is one", async () => {
    const metrics = createMetrics();
    const exported = await metrics.metricsText();
    metrics.close();
    for (const [name] of text.matchAll(/freshet_[a-z]+(?:_[a-z]+)+/g)) {
      expect(exported).toContain(`# TYPE ${name} `);
    }
  });
});

describe("http-and-nats-api.md", () => {
  const text = guide("http-and-nats-api.md");
  const rowOf = (header: string, field: string): string =>
    (tableIn(text, header).find(([name]) => name === `\`${field}\``) ?? []).join(" ");

  it("has every field of a question with its default", () => {
    const defaults = questionSchema.parse({ query: "?" }) as Readonly<Record<string, unknown>>;
    const rows = tableIn(text, "Field | Default | Bounds | What it is");
    const wanted = Object.keys(questionSchema.shape).map((name) => {
      const value = name === "query" ? undefined : defaults[name];
      return [`\`${name}\``, value === undefined ? "" : `\`${JSON.stringify(value)}\``];
    });
    expect(rows.map(([name, fallback]) => [name, fallback])).toEqual(wanted);
  });

  it.each([
    ["query", limits.questionCharsMax],
    ["top_k", limits.topKMax],
    ["max_tokens", limits.maxTokensMax],
    ["wait_ms", limits.waitMsMax],
    ["deadline_ms", limits.deadlineMsMax],
  ])("has the bound of a question's %s", (field, bound) => {
    expect(rowOf("Field | Default | Bounds | What it is", field)).toContain(number(bound));
  });

  it("has every field of recency with its default and bounds", () => {
    const defaults = recencySchema.parse({ half_life_s: 1 }) as Readonly<Record<string, unknown>>;
    const rows = tableIn(text, "Field of recency | Default | Bounds | What it is");
    expect(new Set(rows.map(([name]) => name))).toEqual(
      new Set(named(Object.keys(recencySchema.shape))),
    );
    for (const [name = "", fallback] of rows) {
      const value = name === "`half_life_s`" ? undefined : defaults[name.slice(1, -1)];
      expect(fallback).toBe(value === undefined ? "" : `\`${JSON.stringify(value)}\``);
    }
    expect(rows[0]?.join(" ")).toContain(number(limits.recencyHalfLifeSecondsMax));
  });

  it("has every field of a document", () => {
    const fields = operationSchema.options.flatMap(({ shape }) => Object.keys(shape));
    const rows = tableIn(text, "Field | Type | Bounds | What it is").map(([field]) => field);
    expect(rows).toEqual(named([...new Set(fields)]));
  });

  it.each([
    ["text", limits.documentTextBytesMax],
    ["title", limits.titleCharsMax],
    ["source", limits.sourceCharsMax],
    ["metadata", limits.metadataKeysMax],
    ["metadata", limits.metadataKeyCharsMax],
    ["metadata", limits.metadataValueCharsMax],
    ["metadata", limits.metadataListMax],
  ])("has the bound of a document's %s, %d", (field, bound) => {
    expect(rowOf("Field | Type | Bounds | What it is", field)).toContain(number(bound));
  });

  it("has the bounds of requests", () => {
    for (const bound of [
      limits.httpDocumentBytesMax,
      limits.httpNdjsonBytesMax,
      limits.ndjsonLinesMax,
      limits.questionBytesMax,
      limits.messageIdsPerTenantMax,
      limits.idempotencyKeyCharsMax,
    ]) {
      expect(text).toContain(number(bound));
    }
  });

  it("has every field of an answer", () => {
    const fieldsUnder = (header: string) => tableIn(text, header).map(([field]) => field);
    expect(fieldsUnder("Field | What it is")).toEqual(named(Object.keys(answerSchema.shape)));
    expect(fieldsUnder("Field of a source | What it is")).toEqual(
      named(Object.keys(sourceSchema.shape)),
    );
    const coverage = tableIn(text, "Field of coverage | Values");
    expect(coverage.map(([field]) => field)).toEqual(named(Object.keys(coverageSchema.shape)));
    for (const value of coverageSchema.shape.cold.options) {
      expect(coverage[1]?.[1]).toContain(`\`${value}\``);
    }
    const timings = tableIn(text, "Field | What it is").at(-1)?.[1];
    expect(timings).toContain(named(Object.keys(timingsSchema.shape)).join(", "));
  });
});

describe("filter-language.md", () => {
  const text = guide("filter-language.md");

  it("has the bounds of a filter", () => {
    const rows = tableIn(text, "Bound | Value").map(([, value]) => value);
    const { filterClausesMax, filterDepthMax, filterValuesMax } = limits;
    const { metadataValueCharsMax, filterCharsMax } = limits;
    const counts = [filterClausesMax, filterDepthMax, filterValuesMax];
    expect(rows).toEqual([...counts, metadataValueCharsMax, filterCharsMax].map(number));
    expect(text).toContain(number(limits.coldOverFetchMax));
  });

  it("has examples that are accepted", () => {
    const examples = [...text.matchAll(/```json\n([\s\S]*?)```/g)].map(([, json]) => json ?? "");
    expect(examples).toHaveLength(2);
    for (const json of examples) {
      const question = { query: "?", filter: JSON.parse(json) as unknown };
      expect(parseQuestion(question).filter).toEqual(question.filter);
    }
  });

  it("has every type of a tree, and every field, and no other", () => {
    const types = tableIn(text, "`type` | Beside it | Holds when").map(([type]) => type);
    expect(types).toEqual(named(filterTypes));
    const fields = tableIn(text, "Field | Compared with").map(([field]) => field);
    expect(fields).toEqual(named([...filterFields, "metadata.<key>"]));
  });
});
