/** Whether every node can answer from a generation: each may own its tenant in a moment. Pure. */

import type { Announcement } from "../../log/lease-port.ts";

/** One sentence that names the nodes which cannot, and what to do; undefined where all can. */
export function lackingNodes(
  nodes: readonly Announcement[],
  model: string | null,
): string | undefined {
  if (model === null) return undefined;
  const silent = nodes.filter(({ models }) => models === undefined);
  if (silent.length > 0) {
    return `${namesOf(silent)} does not say which models it has: upgrade it to this release`;
  }
  const lacking = nodes.filter(({ models }) => models?.includes(model) !== true);
  if (lacking.length === 0) return undefined;
  return (
    `${namesOf(lacking)} cannot embed by ${model}: install it there (ops/node node ops/setup/main.ts --model ${model}); ` +
    "where it is installed, the node's log says why it cannot be loaded"
  );
}

const namesOf = (nodes: readonly Announcement[]): string =>
  nodes
    .map(({ name }) => name)
    .toSorted()
    .join(", ");
