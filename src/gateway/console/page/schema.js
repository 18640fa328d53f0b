/** A JSON Schema in the words of its reader: type, bounds, fields. */

import { element } from "./dom.js";

const begin = "#/components/schemas/";

/**
 * @param {any} schema
 * @returns {HTMLElement}
 */
export function schemaView(schema) {
  if (typeof schema.$ref === "string") {
    const name = schema.$ref.slice(begin.length);
    return element("a", { href: `#schema-${name}` }, name);
  }
  const made = element("div", {}, element("span", { class: "quiet" }, typeOf(schema)));
  if (schema.description !== undefined) made.append(` ${schema.description}`);
  for (const part of schema.anyOf ?? schema.oneOf ?? []) made.append(schemaView(part));
  if (schema.items !== undefined) made.append(schemaView(schema.items));
  if (schema.properties !== undefined) made.append(fieldsView(schema));
  return made;
}

/** @param {any} schema */
function fieldsView({ properties, required = [] }) {
  const items = Object.entries(properties).flatMap(([name, schema]) => {
    const label = required.includes(name) ? `${name} (required)` : name;
    return [
      element("dt", {}, element("code", {}, label)),
      element("dd", {}, schemaView(/** @type {any} */ (schema))),
    ];
  });
  return element("dl", {}, ...items);
}

/** @param {any} schema */
function typeOf(schema) {
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum !== undefined)
    return schema.enum.map((/** @type {any} */ one) => JSON.stringify(one)).join(" | ");
  const bounds = ["minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems", "pattern"]
    .filter((name) => schema[name] !== undefined)
    .map((name) => `${name} ${schema[name]}`);
  const value = schema.default === undefined ? [] : [`default ${JSON.stringify(schema.default)}`];
  const type = schema.type ?? (schema.anyOf || schema.oneOf ? "one of" : "any");
  return [Array.isArray(type) ? type.join(" | ") : type, ...bounds, ...value].join(", ");
}
