/** A board in the form that Grafana imports. Pure. */

import type { Board, Panel } from "./boards.ts";

const datasource = { type: "prometheus", uid: `\${datasource}` };
const columns = 2;
const size = { w: 12, h: 8 };

export function dashboardOf({ uid, title, panels }: Board): object {
  return {
    ...{ uid, title, tags: ["freshet"], schemaVersion: 39, version: 1, editable: true },
    time: { from: "now-1h", to: "now" },
    refresh: "10s",
    templating: {
      list: [{ name: "datasource", type: "datasource", query: "prometheus", label: "Prometheus" }],
    },
    panels: panels.map(panelOf),
  };
}

function panelOf({ title, says, unit, queries, bound }: Panel, index: number): object {
  const steps = [
    { color: "green", value: null },
    ...(bound === undefined ? [] : [{ color: "red", value: bound }]),
  ];
  return {
    id: index + 1,
    type: "timeseries",
    ...{ title, description: says, datasource },
    gridPos: { ...size, x: (index % columns) * size.w, y: Math.floor(index / columns) * size.h },
    fieldConfig: {
      defaults: {
        ...{ unit, min: 0 },
        thresholds: { mode: "absolute", steps },
        custom: { thresholdsStyle: { mode: bound === undefined ? "off" : "line" }, fillOpacity: 8 },
      },
      overrides: [],
    },
    options: { legend: { displayMode: "list", placement: "bottom" }, tooltip: { mode: "multi" } },
    targets: queries.map(({ expr, legend }, at) => ({
      refId: String.fromCharCode("A".charCodeAt(0) + at),
      ...{ expr, legendFormat: legend, datasource, exemplar: expr.includes("_bucket") },
    })),
  };
}
