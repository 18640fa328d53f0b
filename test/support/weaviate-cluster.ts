/** Three Weaviates on loopback that make one cluster of a test's own: to kill, freeze and start again. */

import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import { plainEnvironment } from "../../ops/servers/context.ts";
import { addressOf, type WeaviateAddress } from "../../ops/servers/weaviate.ts";
import {
  addressOfCluster,
  freeWeaviatePorts,
  startWeaviateMember,
  type WeaviatePlan,
} from "../../ops/servers/weaviate-cluster.ts";
import { ensureTools } from "../../ops/setup/ensure-tools.ts";
import { silentProgress } from "../../ops/setup/progress.ts";
import { onFreePorts, startedAll } from "./cluster-ports.ts";
import { eventually } from "./promises.ts";
import { Server } from "./server.ts";

export interface ClusterNode {
  readonly name: string;
  /** Of itself alone; stays the same over restarts. */
  readonly address: WeaviateAddress;
  readonly dataPath: string;
  /** Resolves when it takes part, which needs two of three. */
  start(): Promise<void>;
  /** kill -9: nothing is flushed or closed. */
  kill(): Promise<void>;
  /** SIGSTOP: it keeps its connections and says nothing. */
  freeze(): void;
  thaw(): void;
  /** What it stored is gone; of a node that does not run. */
  loseDisk(): void;
}

export interface WeaviateCluster {
  readonly nodes: readonly ClusterNode[];
  /** Of all of them. */
  readonly address: WeaviateAddress;
  [Symbol.asyncDispose](): Promise<void>;
}

export async function startWeaviateCluster(): Promise<WeaviateCluster> {
  const directory = mkdtempSync(join(tmpdir(), "freshet-weaviate-cluster-"));
  const want = { nats: false, temporal: false, weaviate: true, embedding: false, llm: false };
  const tools = await ensureTools({ env: process.env, progress: silentProgress, want });
  const { plan, nodes } = await onFreePorts(freeWeaviatePorts, async (ports) => {
    // What an earlier attempt wrote names its ports.
    rmSync(directory, { recursive: true, force: true });
    mkdirSync(directory);
    const plan: WeaviatePlan = {
      ...{ directory, program: tools.weaviate ?? "", apiKey: "test", clusterPassword: "test" },
      logFile: (name) => join(directory, `${name}.log`),
      env: plainEnvironment(process.env),
      ports,
    };
    const nodes = plan.ports.map((_, index) => new Node(plan, index));
    await startedAll(nodes);
    await eventually(() => eachSeesAll(nodes));
    return { plan, nodes };
  });
  return {
    nodes,
    address: addressOfCluster(plan),
    async [Symbol.asyncDispose]() {
      await Promise.all(nodes.map((node) => node.kill()));
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

const nodesSchema = z.object({
  nodes: z.array(
    z.looseObject({
      name: z.string(),
      status: z.string(),
      shards: z.array(z.looseObject({ name: z.string() })).nullish(),
    }),
  ),
});

/** What a node says of all that it knows of. */
async function toldBy({ address: { url, apiKey } }: Pick<ClusterNode, "address">) {
  const headers = { authorization: `Bearer ${apiKey}` };
  const reply = await fetch(`${url}/v1/nodes?output=verbose`, { headers });
  return nodesSchema.parse(await reply.json()).nodes;
}

/** Ready nodes hear of each other a moment later; until then none can write to another one. */
async function eachSeesAll(nodes: readonly Pick<ClusterNode, "address">[]): Promise<void> {
  for (const node of nodes) {
    const healthy = (await toldBy(node)).filter(({ status }) => status === "HEALTHY");
    if (healthy.length < nodes.length) throw new Error("a node does not see all others yet");
  }
}

/** The node with the tenant's objects; all nodes run. */
export async function homeOfTenant(
  { nodes }: Pick<WeaviateCluster, "nodes">,
  tenant: string,
): Promise<ClusterNode> {
  const [first] = nodes;
  const told = first === undefined ? [] : await toldBy(first);
  const home = told.find(({ shards }) => shards?.some(({ name }) => name === tenant));
  const found = nodes.find(({ name }) => name === home?.name);
  if (found === undefined) throw new Error(`no node has ${tenant}`);
  return found;
}

class Node extends Server implements ClusterNode {
  readonly name: string;
  readonly address: WeaviateAddress;
  readonly dataPath: string;

  constructor(plan: WeaviatePlan, index: number) {
    const ports = plan.ports[index];
    if (ports === undefined) throw new RangeError(`no node ${index} in this cluster`);
    super(() => startWeaviateMember(plan, index));
    this.name = `weaviate-${index + 1}`;
    this.address = addressOf({ ...plan, ports });
    this.dataPath = join(plan.directory, this.name);
  }

  loseDisk(): void {
    if (this.isAlive) throw new Error(`${this.name} runs`);
    rmSync(this.dataPath, { recursive: true, force: true });
  }
}
