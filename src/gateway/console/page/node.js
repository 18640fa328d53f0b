/** This node: what it serves, and how far it is behind. */

import { call } from "./api.js";
import { element, notice, table } from "./dom.js";

const everyMs = 2_000;

/**
 * @param {HTMLElement} view
 * @param {AbortSignal} signal
 */
export function showNode(view, signal) {
  const told = notice();
  const place = element("div");
  view.append(told.place, place);
  void watch(place, told, signal);
}

/**
 * @param {HTMLElement} place
 * @param {ReturnType<typeof notice>} told
 * @param {AbortSignal} signal
 */
async function watch(place, told, signal) {
  while (!signal.aborted) {
    try {
      const status = await call("/v1/status");
      place.replaceChildren(...shown(status));
      told.tell(`node ${status.node}, ${new Date().toLocaleTimeString()}`);
    } catch (thrown) {
      told.fail(thrown);
    }
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}

/** @param {any} status */
function shown({ partitions, services, tenants, quarantined = [] }) {
  const { owned, total, joining } = partitions;
  const serviceRows = Object.entries(services).map(([name, state]) => [
    name,
    element("span", { class: state === "down" ? "bad" : "good" }, String(state)),
  ]);
  const tenantRows = tenants.map((/** @type {any} */ tenant) => [
    tenant.tenant,
    tenant.state,
    tenant.documents,
    tenant.hot.chunks,
    tenant.unmerged_chunks,
    tenant.operations_behind,
    String(tenant.visible_seq),
  ]);
  const columns = ["Tenant", "State", "Documents", "In memory", "Unmerged", "Behind", "Seq"];
  const bad = quarantined.map((/** @type {any} */ each) => [
    each.stream,
    String(each.seq),
    each.subject,
    each.why,
  ]);
  return [
    table("Services", ["Service", "State"], serviceRows),
    element("p", {}, `Partitions: ${owned} of ${total} here, ${joining} joining.`),
    table("Tenants", columns, tenantRows),
    ...(bad.length === 0
      ? []
      : [table("Records that were skipped", ["Stream", "Seq", "Subject", "Why"], bad)]),
  ];
}
