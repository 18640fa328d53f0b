import { describe, expect, it } from "vitest";
import { z } from "zod";
import { errorTable } from "../../src/contract/errors.ts";
import { limits } from "../../src/contract/limits.ts";
import { questionSchema } from "../../src/contract/query.ts";
import { describedNames } from "../../src/gateway/field-descriptions.ts";
import { jsonSchema } from "../../src/gateway/json-schema.ts";
import { openApiDocument } from "../../src/gateway/openapi.ts";
import { problemSchema } from "../../src/gateway/schemas.ts";
import { fixture } from "./http-fixture.ts";

const schemas = z.looseObject({
  openapi: z.literal("3.1.0"),
  paths: z.record(
    z.string(),
    z.record(z.string(), z.looseObject({ responses: z.record(z.string(), z.unknown()) })),
  ),
  components: z.looseObject({ schemas: z.record(z.string(), z.looseObject({})) }),
});
const document = schemas.parse(openApiDocument({ version: "1.2.3", keys: true }));

describe("the OpenAPI document", () => {
  it("describes a question by the schema that checks it", () => {
    const question = document.components.schemas["Question"] as {
      properties: Record<string, Record<string, unknown>>;
      required: string[];
    };
    expect(Object.keys(question.properties).sort()).toEqual(
      Object.keys(questionSchema.shape).sort(),
    );
    expect(question.required).toEqual(["query"]);
    expect(question.properties["top_k"]).toMatchObject({
      minimum: 1,
      maximum: limits.topKMax,
      default: 5,
    });
  });

  it("resolves every reference", () => {
    const names = [...JSON.stringify(document).matchAll(/#\/components\/schemas\/(\w+)/g)];
    expect(names.length).toBeGreaterThan(10);
    for (const [, name] of names) expect(document.components.schemas).toHaveProperty(name ?? "");
  });

  it("describes both forms of a filter, and a tree as a thing that holds trees", () => {
    const { Filter, Question, ...parts } = document.components.schemas as Record<string, unknown>;
    const tree = { $ref: "#/components/schemas/FilterTree" };
    expect(Question).toMatchObject({
      properties: { filter: { $ref: "#/components/schemas/Filter" } },
    });
    expect(Filter).toMatchObject({ anyOf: [{ type: "object" }, tree] });
    expect(JSON.stringify(parts["FilterGroup"])).toContain(JSON.stringify(tree));
    for (const name of ["and", "or", "not", "eq", "nin", "gte", "contains", "exists"]) {
      expect(JSON.stringify(parts)).toContain(`"${name}"`);
    }
  });

  it("gives a name to each part of what refers to itself, as generators of clients need it", () => {
    const { FilterTree, Operation } = document.components.schemas;
    const named = (...names: string[]) =>
      names.map((name) => ({ $ref: `#/components/schemas/${name}` }));
    expect(FilterTree?.["oneOf"]).toEqual(named("FilterGroup", "FilterNot", "FilterComparison"));
    expect(Operation?.["anyOf"]).toEqual(named("Upsert", "Delete"));
    const within = Object.entries(document.components.schemas).filter(
      ([name, schema]) =>
        name !== "FilterTree" && "oneOf" in schema && JSON.stringify(schema).includes(`/${name}"`),
    );
    expect(within).toEqual([]);
  });

  it("gives a schema that stands alone all that it refers to", () => {
    const alone = jsonSchema(questionSchema, "input");
    const names = [...JSON.stringify(alone).matchAll(/"#\/([^"]*)"/g)].map(([, name]) => name);
    expect(names).toEqual(expect.arrayContaining(["$defs/Filter", "$defs/FilterTree"]));
    const defined = Object.keys(alone["$defs"] as object).map((name) => `$defs/${name}`);
    expect(defined).toEqual(expect.arrayContaining([...new Set(names)]));
  });

  it("says what a document id is", () => {
    expect(JSON.stringify(document.components.schemas["Upsert"])).toContain('"maxLength":512');
  });

  it("names every route that exists, and no other", async () => {
    const { app, close } = fixture();
    await app.ready();
    for (const [path, methods] of Object.entries(document.paths)) {
      const url = path.replaceAll(/\{(\w+)\}/g, ":$1");
      for (const method of Object.keys(methods)) {
        expect(app.hasRoute({ url, method: method.toUpperCase() })).toBe(true);
      }
    }
    expect(Object.keys(document.paths)).toHaveLength(27);
    await close();
  });

  it("knows every error code", () => {
    expect(problemSchema.shape.code.options.sort()).toEqual(Object.keys(errorTable).sort());
  });

  it("is served at a fixed address", async () => {
    const { app, close } = fixture();
    const reply = await app.inject("/openapi.json");
    expect(reply.json()).toMatchObject({ openapi: "3.1.0", info: { version: "0.0.1" } });
    await close();
  });

  it("says of every field what it means, and says nothing of fields that are not there", () => {
    const { components } = openApiDocument({ version: "1.0.0", keys: true }) as {
      components: { schemas: Record<string, Schema> };
    };
    const fields = Object.entries(components.schemas).flatMap(([name, schema]) =>
      fieldsOf(schema, name),
    );
    const silent = fields.filter(({ schema }) => !("description" in schema || "$ref" in schema));
    expect(silent.map(({ part, name }) => `${part}.${name}`)).toEqual([]);
    const names = new Set(fields.flatMap(({ part, name }) => [name, `${part}.${name}`]));
    expect(describedNames.filter((name) => !names.has(name))).toEqual([]);
  });
});

interface Schema {
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly additionalProperties?: Schema | boolean;
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
}

interface NamedField {
  readonly part: string;
  readonly name: string;
  readonly schema: Schema;
}

function fieldsOf(schema: Schema, part: string): readonly NamedField[] {
  const { properties = {}, items, additionalProperties, anyOf = [], oneOf = [] } = schema;
  const own = Object.entries(properties).flatMap(([name, field]) => [
    { part, name, schema: field },
    ...fieldsOf(field, name),
  ]);
  const inner = [items, additionalProperties, ...anyOf, ...oneOf].flatMap((each) =>
    typeof each === "object" ? fieldsOf(each, part) : [],
  );
  return [...own, ...inner];
}
