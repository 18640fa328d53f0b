import { expect, it } from "vitest";
import { lackingNodes } from "../../src/cli/reembed/nodes.ts";

it("a node that lacks a generation's model is named, with what to do", () => {
  const nodes = [
    { name: "engine-2", models: ["all-MiniLM-L6-v2"] },
    { name: "engine-1", models: ["all-MiniLM-L6-v2", "bge"] },
    { name: "engine-3", models: [] },
  ];
  expect(lackingNodes(nodes, "bge")).toMatch(/^engine-2, engine-3 cannot embed by bge: install/);
  expect(lackingNodes(nodes.slice(1, 2), "bge")).toBeUndefined();
  expect(lackingNodes(nodes, null)).toBeUndefined();
  expect(lackingNodes([], "bge")).toBeUndefined();
});

it("a node of an earlier release, which does not say what it has, is named first", () => {
  const nodes = [
    { name: "old", models: undefined },
    { name: "new", models: [] },
  ];
  expect(lackingNodes(nodes, "bge")).toMatch(/^old does not say which models it has: upgrade it/);
});
