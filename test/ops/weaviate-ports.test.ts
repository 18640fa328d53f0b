import { expect, it } from "vitest";
import { freeWeaviatePorts } from "../../ops/servers/weaviate-cluster.ts";

it("no two servers of a cluster are given one port, also not the one above a raft port", async () => {
  let drawn = 100;
  // Each port twice, and after one with its next that next one.
  let calls = 0;
  const free = async () => {
    calls += 1;
    if (calls % 2 === 0) drawn += 1;
    return drawn;
  };
  const all = (await freeWeaviatePorts(free)).flatMap((ports) => Object.values(ports));
  expect(all.length).toBe(18);
  expect(new Set(all).size).toBe(all.length);
});
