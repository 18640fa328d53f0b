/** Three Weaviates as `ops/start --weaviate 3` starts them. */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, it } from "vitest";
import { killGroup } from "../../ops/servers/process-group.ts";
import { openSecureFiles } from "../../ops/servers/secure.ts";
import type { RunningServer, ServerEnd } from "../../ops/servers/supervise.ts";
import { isWeaviateReady } from "../../ops/servers/weaviate.ts";
import { refuseOtherCold, startWeaviateCluster } from "../../ops/servers/weaviate-cluster.ts";
import { ensureTools } from "../../ops/setup/ensure-tools.ts";
import { silentProgress } from "../../ops/setup/progress.ts";
import { addressesOf } from "../../src/cold/weaviate-client.ts";

const folders: string[] = [];
const running: RunningServer[] = [];
const newFolder = () => {
  const folder = mkdtempSync(join(tmpdir(), "freshet-weaviate-3-"));
  folders.push(folder);
  return folder;
};

afterEach(async () => {
  for (const server of running.splice(0)) await server.stop();
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

it("listens with certificates, keeps its ports and data, and starts a killed member again", async () => {
  const dataDir = newFolder();
  const want = { nats: false, temporal: false, weaviate: true, embedding: false, llm: false };
  const tools = await ensureTools({ env: process.env, progress: silentProgress, want });
  const ends: ServerEnd[] = [];
  const groups: number[] = [];
  const ports: Record<string, number> = {};
  const secure = await openSecureFiles(dataDir);
  const { servers, address } = await startWeaviateCluster(
    { dataDir, env: process.env, ports, secure },
    tools.weaviate ?? "",
    { onEnd: (end) => ends.push(end), onStart: ({ groupId }) => groups.push(groupId) },
  );
  running.push(...servers);
  const nodes = addressesOf(address);
  expect(nodes.map(({ url }) => url)).toEqual(Array(3).fill(expect.stringMatching(/^https:/)));
  expect(Object.keys(ports)).toContain("weaviate-3-raft");
  const [first] = servers;
  const before = first?.groupId ?? Number.NaN;
  killGroup(before);
  await expect.poll(() => groups.length, { timeout: 60_000 }).toBe(1);
  expect(groups).not.toContain(before);
  expect(ends).toMatchObject([{ name: "weaviate-1", expected: false }]);
  for (const node of nodes) expect(await isWeaviateReady(node)).toBe(true);
  for (const server of running.splice(0)) {
    await server.stop();
    expect(await server.ended).toMatchObject({ expected: true });
  }
});

it("refuses the cold shard of the other form, and names the folder", () => {
  const dataDir = newFolder();
  refuseOtherCold(dataDir, 3);
  mkdirSync(join(dataDir, "weaviate"));
  refuseOtherCold(dataDir, 1);
  expect(() => refuseOtherCold(dataDir, 3)).toThrow(
    `the cold shard in ${dataDir} was made by one Weaviate: start without --weaviate`,
  );
  const other = newFolder();
  mkdirSync(join(other, "weaviate-cluster"));
  expect(() => refuseOtherCold(other, 1)).toThrow(
    `the cold shard in ${other} was made by 3 Weaviates: start with --weaviate 3`,
  );
});
