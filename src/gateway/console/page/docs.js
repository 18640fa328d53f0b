/** The API as its OpenAPI document describes it. */

import { element, table } from "./dom.js";
import { schemaView } from "./schema.js";

const methods = ["get", "post", "put", "delete"];

async function main() {
  const view = /** @type {HTMLElement} */ (document.getElementById("view"));
  const response = await fetch("/openapi.json");
  const description = await response.json();
  const { schemas } = description.components;
  const sections = Object.entries(description.paths).flatMap(([path, operations]) =>
    methods.flatMap((method) => {
      const operation = /** @type {any} */ (operations)[method];
      return operation === undefined ? [] : [operationView({ path, method, operation, schemas })];
    }),
  );
  const named = Object.entries(schemas).map(([name, schema]) =>
    element(
      "details",
      { id: `schema-${name}` },
      element("summary", {}, element("code", {}, name)),
      schemaView(schema),
    ),
  );
  view.replaceChildren(
    element("p", {}, `${description.info.description}. Version ${description.info.version}.`),
    element("h2", {}, "Operations"),
    ...sections,
    element("h2", {}, "Schemas"),
    ...named,
  );
  openNamed();
}

/**
 * @param {{ path: string, method: string, operation: any, schemas: any }} options
 */
function operationView({ path, method, operation }) {
  const { summary, description, parameters = [], requestBody, responses } = operation;
  const head = element(
    "summary",
    {},
    element("code", {}, `${method.toUpperCase()} ${path}`),
    summary === undefined ? "" : ` ${summary}`,
  );
  const rows = parameters.map((/** @type {any} */ each) => [
    element("code", {}, each.name),
    `${each.in}${each.required ? ", required" : ""}`,
    each.description ?? "",
  ]);
  const replies = Object.entries(responses).map(([status, reply]) => [
    status,
    /** @type {any} */ (reply).description,
    contentView(/** @type {any} */ (reply).content),
  ]);
  const body = element("div");
  if (description !== undefined) body.append(element("p", {}, description));
  if (rows.length > 0) body.append(table("Parameters", ["Name", "Where", "What"], rows));
  if (requestBody !== undefined) {
    body.append(element("h3", {}, "Body"), contentView(requestBody.content));
  }
  body.append(table("Replies", ["Status", "When", "Body"], replies));
  return element("details", { id: operation.operationId }, head, body);
}

/** @param {Record<string, any> | undefined} content */
function contentView(content = {}) {
  const parts = Object.entries(content).map(([type, { schema }]) =>
    element("div", {}, element("code", {}, type), " ", schemaView(schema ?? {})),
  );
  return element("div", {}, ...parts);
}

function openNamed() {
  const named = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (!(named instanceof HTMLDetailsElement)) return;
  named.open = true;
  named.scrollIntoView();
}

window.addEventListener("hashchange", openNamed);
main().catch((thrown) => {
  const view = document.getElementById("view");
  view?.replaceChildren(element("p", { class: "bad" }, String(thrown)));
});
