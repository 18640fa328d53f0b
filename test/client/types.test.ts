/**
 * The client has types of its own, since it leans on no other room. Here they are held against what
 * the engine checks and sends: `npm run lint` fails where two differ, also by an optional field,
 * and the tests below compare the names with the OpenAPI document.
 */
import { readFileSync } from "node:fs";
import ts from "typescript";
import { describe, expect, expectTypeOf, it } from "vitest";
import { z } from "zod";
import type * as client from "../../src/client/index.ts";
import type { operationSchema } from "../../src/contract/document.ts";
import { type ErrorBody, type ErrorCode, errorTable } from "../../src/contract/errors.ts";
import type { StoredEvent } from "../../src/contract/events.ts";
import type { FilterInput } from "../../src/contract/filter-schema.ts";
import type { Answer, questionSchema } from "../../src/contract/query.ts";
import type { DocumentPage, DocumentState } from "../../src/contract/service.ts";
import type { LineResult } from "../../src/gateway/ndjson.ts";
import { openApiDocument } from "../../src/gateway/openapi.ts";

/** Readonly all the way down, without brands; so that only fields and their types count. */
type Plain<Value> = Value extends string
  ? string extends Value
    ? string
    : Value extends { readonly length: number } & object
      ? string
      : Value
  : Value extends readonly (infer Item)[]
    ? readonly Plain<Item>[]
    : Value extends object
      ? { readonly [Name in keyof Value]: Plain<Value[Name]> }
      : Value;

type Sent = Omit<z.input<typeof questionSchema>, "filter" | "mode" | "stream">;

describe("the types of the client", () => {
  it("are those of the engine (checked by the compiler)", () => {
    expectTypeOf<Plain<client.Answer>>().toEqualTypeOf<Plain<Answer>>();
    expectTypeOf<Plain<Omit<client.Question, "filter">>>().toEqualTypeOf<Plain<Sent>>();
    expectTypeOf<Plain<client.Filter>>().toExtend<Plain<FilterInput>>();
    expectTypeOf<Plain<FilterInput>>().toExtend<Plain<client.Filter>>();
    expectTypeOf<Plain<client.DocumentEvent>>().toEqualTypeOf<Plain<StoredEvent>>();
    expectTypeOf<Plain<client.DocumentState>>().toEqualTypeOf<Plain<DocumentState>>();
    expectTypeOf<Plain<client.DocumentPage>>().toEqualTypeOf<Plain<DocumentPage>>();
    expectTypeOf<Plain<client.LineResult>>().toEqualTypeOf<Plain<LineResult>>();
    expectTypeOf<Plain<client.ErrorBody>>().toEqualTypeOf<Plain<ErrorBody["error"]>>();
    expectTypeOf<client.ErrorCode>().toEqualTypeOf<ErrorCode>();
    type Input = Plain<z.input<typeof operationSchema>>;
    expectTypeOf<client.Operation>().toExtend<Input>();
    expectTypeOf<Input>().toExtend<Plain<client.Operation>>();
  });

  const { interfaces, unions } = declared("src/client/types.ts");
  const described = z
    .object({ components: z.object({ schemas: z.record(z.string(), z.unknown()) }) })
    .parse(openApiDocument({ version: "0.0.1", keys: true })).components.schemas;

  it.each<[string, string, readonly string[]]>([
    ["Answer", "Answer", []],
    ["Source", "Answer.sources", []],
    ["Citation", "Answer.citations", []],
    ["Coverage", "Answer.coverage", []],
    ["Relevance", "Answer.relevance", []],
    ["Timings", "Answer.timings", []],
    ["Explanation", "Answer.explain", []],
    ["ExplainedSource", "Answer.explain.sources", []],
    ["Recency", "Question.recency", []],
    ["Turn", "Question.history", []],
    // The client says which it is by the method that is called.
    ["Question", "Question", ["mode", "stream"]],
    ["Document", "Upsert", []],
    ["DocumentEvent", "Event", []],
    ["DocumentPage", "DocumentPage", []],
  ])("%s has the fields of %s in the OpenAPI document", (name, path, own) => {
    const fields = fieldsAt(described, path).filter((field) => !own.includes(field));
    expect([...(interfaces.get(name) ?? [])].sort()).toEqual(fields.sort());
    expect(fields.length).toBeGreaterThan(1);
  });

  it("know every code of the error table", () => {
    expect([...(unions.get("ErrorCode") ?? [])].sort()).toEqual(Object.keys(errorTable).sort());
  });
});

/** Members of the interfaces of a file, with what they extend, and the words of its unions. */
function declared(path: string) {
  const file = new URL(`../../${path}`, import.meta.url);
  const source = ts.createSourceFile(path, readFileSync(file, "utf8"), ts.ScriptTarget.Latest);
  const interfaces = new Map<string, readonly string[]>();
  const unions = new Map<string, readonly string[]>();
  for (const node of source.statements) {
    if (ts.isInterfaceDeclaration(node)) {
      const inherited = (node.heritageClauses ?? [])
        .flatMap(({ types }) => types.map(({ expression }) => expression.getText(source)))
        .flatMap((name) => interfaces.get(name) ?? []);
      const own = node.members.map((member) => member.name?.getText(source) ?? "");
      interfaces.set(node.name.text, [...inherited, ...own]);
    }
    if (ts.isTypeAliasDeclaration(node) && ts.isUnionTypeNode(node.type)) {
      const words = node.type.types.map((type) => type.getText(source).replaceAll('"', ""));
      unions.set(node.name.text, words);
    }
  }
  return { interfaces, unions };
}

interface Schema {
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
}

/** Of a list its items, of a union the alternative with the most fields. */
function fieldsAt(schemas: Readonly<Record<string, unknown>>, path: string): string[] {
  const [root = "", ...rest] = path.split(".");
  const start = schemas[root] as Schema | undefined;
  const found = rest.reduce<Schema | undefined>(
    (at, name) => objectOf(at)?.properties?.[name],
    start,
  );
  return Object.keys(objectOf(found)?.properties ?? {});
}

function objectOf(schema: Schema | undefined): Schema | undefined {
  if (schema?.items !== undefined) return objectOf(schema.items);
  const all = schema?.anyOf ?? schema?.oneOf;
  if (all === undefined) return schema;
  const size = (one: Schema): number => Object.keys(one.properties ?? {}).length;
  return [...all].sort((left, right) => size(right) - size(left))[0];
}
