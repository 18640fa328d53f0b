/** The schemas that requests are checked with, as JSON Schema for the OpenAPI document. */

import { z } from "zod";
import { filterSchema, filterShape } from "../contract/filter-schema.ts";
import { documentIdBytesMax } from "../contract/ids.ts";

type Json = Readonly<Record<string, unknown>>;

/** A schema as callers may send it (`input`) or as they receive it (`output`). */
export function jsonSchema(schema: z.ZodType, io: "input" | "output"): Json {
  let hasFilter = false;
  const made = z.toJSONSchema(schema, {
    io,
    unrepresentable: "any",
    override({ zodSchema, jsonSchema: part }) {
      if (zodSchema._zod.def.type !== "custom") return;
      if (zodSchema === filterSchema) {
        hasFilter = true;
        Object.assign(part, { $ref: `${definitions}Filter` });
        return;
      }
      // The contract's other custom schema is the document id; what it checks is more than JSON
      // Schema can say.
      Object.assign(part, { type: "string", minLength: 1, maxLength: documentIdBytesMax });
    },
  });
  return hasFilter ? { ...made, $defs: { ...made.$defs, ...filterDefinitions() } } : made;
}

const definitions = "#/$defs/";

/** Both forms of a filter, and the tree, which refers to itself. */
function filterDefinitions(): Json {
  const { $schema: _, $defs, ...filter } = z.toJSONSchema(filterShape, { io: "input" });
  const description =
    "clauses over fields that must all hold, or a tree in the grammar of OpenAI's vector stores";
  return { ...$defs, Filter: { description, ...filter } };
}

/** What a schema defines for itself becomes a component, which every schema may refer to. */
export function withDefinitions(
  schemas: Readonly<Record<string, Json>>,
): Readonly<Record<string, Json>> {
  const lifted = Object.values(schemas).map(({ $defs = {} }) => $defs as Json);
  const all = Object.assign({}, ...lifted, schemas) as Record<string, Json>;
  const plain = Object.entries(all).map(([name, { $defs: _, ...schema }]) => [name, schema]);
  const text = JSON.stringify(Object.fromEntries(plain));
  return JSON.parse(text.replaceAll(`"${definitions}`, '"#/components/schemas/')) as Record<
    string,
    Json
  >;
}
