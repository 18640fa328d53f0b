/** Elements are made of text, never of markup: what documents say cannot become part of the page. */

/**
 * @param {string} name
 * @param {Record<string, unknown>} [attributes] `on…` are listeners, `false` and undefined are left
 *   out, `true` has no value
 * @param {...(Node | string)} children
 * @returns {HTMLElement}
 */
export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === undefined || value === false) continue;
    if (typeof value === "function") {
      made.addEventListener(key.slice(2), /** @type {EventListener} */ (value));
    } else made.setAttribute(key, value === true ? "" : String(value));
  }
  made.append(...children);
  return made;
}

/**
 * A table whose columns are named once. Numbers stand on the right.
 * @param {string} caption
 * @param {readonly string[]} columns
 * @param {readonly (readonly (Node | string | number)[])[]} rows
 */
export function table(caption, columns, rows) {
  const numeric = columns.map((_, at) => rows.some((row) => typeof row[at] === "number"));
  const align = (/** @type {number} */ at) => (numeric[at] ? { class: "number" } : {});
  const head = columns.map((name, at) => element("th", { scope: "col", ...align(at) }, name));
  const body = rows.map((row) =>
    element("tr", {}, ...row.map((cell, at) => element("td", align(at), shown(cell)))),
  );
  const made = element(
    "table",
    {},
    element("caption", {}, caption),
    element("thead", {}, element("tr", {}, ...head)),
    element("tbody", {}, ...body),
  );
  return element(
    "div",
    { class: "scroll", tabindex: 0, role: "region", "aria-label": caption },
    made,
  );
}

/** @param {Node | string | number} cell */
function shown(cell) {
  return typeof cell === "number" ? cell.toLocaleString("en") : cell;
}

/**
 * @param {string} label
 * @param {HTMLElement} input
 */
export function field(label, input) {
  return element("label", { class: "field" }, label, element("br"), input);
}

/** A place for what happened last, read out by screen readers. */
export function notice() {
  const place = element("p", { role: "status", class: "quiet" });
  return {
    place,
    /** @param {string} text */
    tell(text) {
      place.className = "quiet";
      place.textContent = text;
    },
    /** @param {unknown} thrown */
    fail(thrown) {
      place.className = "bad";
      place.textContent = thrown instanceof Error ? thrown.message : String(thrown);
    },
  };
}

/**
 * A button that does one thing at a time.
 * @param {string} label
 * @param {() => Promise<void>} work
 * @param {ReturnType<typeof notice>} told
 */
export function action(label, work, told) {
  const button = /** @type {HTMLButtonElement} */ (element("button", { type: "button" }, label));
  button.addEventListener("click", () => {
    button.disabled = true;
    work()
      .catch((thrown) => told.fail(thrown))
      .finally(() => {
        button.disabled = false;
      });
  });
  return button;
}
