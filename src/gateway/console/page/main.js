/** Which page is shown, who is asking, and whether anything is down. */

import { call, identity, setIdentity } from "./api.js";
import { showAsk } from "./ask.js";
import { showDocuments } from "./documents.js";
import { element } from "./dom.js";
import { showLetters } from "./letters.js";
import { showMerges } from "./merges.js";
import { showNode } from "./node.js";

const healthEveryMs = 3_000;

/** @type {Record<string, { title: string, show: (view: HTMLElement, signal: AbortSignal) => void }>} */
const pages = {
  ask: { title: "Ask", show: showAsk },
  documents: { title: "Documents", show: showDocuments },
  merges: { title: "Merges", show: showMerges },
  letters: { title: "Dead letters", show: showLetters },
  node: { title: "Node", show: showNode },
};

const view = /** @type {HTMLElement} */ (document.getElementById("view"));
const health = /** @type {HTMLElement} */ (document.getElementById("health"));
const form = /** @type {HTMLFormElement} */ (document.getElementById("identity"));

let leave = new AbortController();

function show() {
  const asked = location.hash.slice(1);
  const name = Object.hasOwn(pages, asked) ? asked : "ask";
  const page = pages[name];
  if (page === undefined) return;
  leave.abort();
  leave = new AbortController();
  for (const link of document.querySelectorAll("nav a")) {
    if (link.getAttribute("href") === `#${name}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  document.title = `Freshet: ${page.title}`;
  view.replaceChildren(element("h2", {}, page.title));
  page.show(view, leave.signal);
}

const input = (/** @type {string} */ name) =>
  /** @type {HTMLInputElement} */ (form.elements.namedItem(name));

function fillIdentity() {
  const { tenant, key } = identity();
  input("tenant").value = tenant;
  input("key").value = key;
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  setIdentity({ tenant: input("tenant").value.trim() || "demo", key: input("key").value.trim() });
  show();
});

async function look() {
  try {
    const { ready, services, refusal } = await call("/v1/status");
    const down = Object.entries(services).flatMap(([name, state]) =>
      state === "down" ? [name] : [],
    );
    const text = refusal ?? (down.length > 0 ? `down: ${down.join(", ")}` : "all services up");
    health.className = refusal || down.length > 0 || !ready ? "bad" : "good";
    health.textContent = ready ? text : `not ready; ${text}`;
  } catch (thrown) {
    health.className = "bad";
    health.textContent = thrown instanceof Error ? thrown.message : "no answer";
  }
}

window.addEventListener("hashchange", () => {
  show();
  view.focus();
});
fillIdentity();
show();
void look();
setInterval(() => void look(), healthEveryMs);
