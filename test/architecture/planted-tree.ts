import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

/** File path → text. */
export type Tree = Readonly<Record<string, string>>;

/** Every room once, importing what it may: this tree breaks no rule. */
export const lawfulTree: Tree = {
  "src/contract/limits.ts": `export const limits = { one: 1 };`,
  "src/contract/errors.ts": `import { limits } from "./limits.ts";\nexport const errors = limits;`,
  "src/runtime/clock.ts": `export interface Clock { nowMs(): number }`,
  "src/runtime/actor.ts": `import { limits } from "../contract/limits.ts";\nexport const actor = limits;`,
  "src/log/port.ts": `import type { limits } from "../contract/limits.ts";\nexport type Log = typeof limits;`,
  "src/log/plan.ts": `import type { Log } from "./port.ts";\nexport const plan = (log: Log): Log => log;`,
  "src/log/nats/log.ts": `import "nats";\nimport { stream } from "./stream.ts";\nimport { plan } from "../plan.ts";\nexport const nats = [stream, plan];`,
  "src/log/nats/stream.ts": `export const stream = 1;`,
  "src/log/memory/log.ts": `import { plan } from "../plan.ts";\nexport const memory = plan;`,
  "src/log/hash.ts": `import { createHash } from "node:crypto";\nexport const hash = createHash;`,
  "src/cold/port.ts": `export type Cold = 1;`,
  "src/cold/weaviate.ts": `import "weaviate-client";\nexport const cold = 1;`,
  "src/embedding/onnx-worker.ts": `import "node:worker_threads";\nexport const worker = 1;`,
  "src/gateway/http.ts": `import "fastify";\nexport const http = 1;`,
  "src/observe/metrics.ts": `import "prom-client";\nexport const metrics = 1;`,
  "src/merges/temporal/worker.ts": `import "@temporalio/worker";\nexport const worker = 1;`,
  "src/client/index.ts": `export const client = 1;`,
  "src/config/config.ts": `export const config = 1;`,
  "src/compose/compose.ts": `import { topology } from "../../actors/topology/topology.ts";\nimport { nats } from "../log/nats/log.ts";\nimport { config } from "../config/config.ts";\nexport const compose = [topology, nats, config];`,
  "src/main.ts": `export { compose } from "./compose/compose.ts";`,
  "src/cli/main.ts": `import { compose } from "../compose/compose.ts";\nexport const main = compose;`,
  "actors/tenant-writer/writer.ts": `import { actor } from "../../src/runtime/actor.ts";\nimport { plan } from "../../src/log/plan.ts";\nimport type { Message } from "../messages.ts";\nimport { next } from "./plan.ts";\nexport type Sent = Message;\nexport const tenant = [actor, plan, next];`,
  "actors/messages.ts": `import type { actor } from "../src/runtime/actor.ts";\nexport type Message = typeof actor;`,
  "actors/tenant-writer/plan.ts": `import type { Log } from "../../src/log/port.ts";\nexport const next = (log: Log): Log => log;`,
  "actors/query.ts": `import { actor } from "../src/runtime/actor.ts";\nexport const query = actor;`,
  "actors/topology/topology.ts": `import { query } from "../query.ts";\nimport { tenant } from "../tenant-writer/writer.ts";\nexport const topology = [query, tenant];`,
  "workflows/merge.ts": `import "@temporalio/workflow";\nimport type { merge } from "../activities/merge/steps.ts";\nimport { plan } from "../src/log/plan.ts";\nexport const workflow = (activity: typeof merge) => [activity, plan];`,
  "activities/merge/steps.ts": `import "@temporalio/activity";\nimport type { Log } from "../../src/log/port.ts";\nexport const merge = (log: Log): Log => log;`,
  "ops/setup/main.ts": `import { plan } from "../../src/log/plan.ts";\nexport const setup = plan;`,
  "test/log.test.ts": `import { nats } from "../src/log/nats/log.ts";\nexport const seen = nats;`,
};

/** Rule → the file that breaks it and what it imports. Vendors are planted from their table. */
export const plants: Readonly<Record<string, readonly [file: string, specifier: string]>> = {
  "contract-is-a-leaf": ["src/contract/planted.ts", "../log/port.ts"],
  "runtime-knows-no-domain": ["src/runtime/planted-domain.ts", "../log/port.ts"],
  "runtime-has-no-vendor": ["src/runtime/planted-vendor.ts", "zod"],
  "client-leans-on-nothing": ["src/client/planted.ts", "../contract/limits.ts"],
  "engine-does-not-import-client": ["src/cli/planted-client.ts", "../client/index.ts"],
  "port-imports-contract-only": ["src/hot/port.ts", "../log/plan.ts"],
  "pure-has-no-vendor": ["src/log/planted-vendor.ts", "pino"],
  "pure-has-no-built-in": ["src/text/planted-built-in.ts", "node:fs"],
  "hash-uses-crypto-only": ["src/log/hash-planted.ts", "node:fs"],
  "pure-knows-no-mechanism": ["src/log/planted-mechanism.ts", "../runtime/actor.ts"],
  "actors-never-import-each-other": ["actors/planted.ts", "./tenant-writer/writer.ts"],
  "actors-import-inner-rooms-only": ["actors/planted-room.ts", "../src/config/config.ts"],
  "actors-have-no-vendor": ["actors/planted-vendor.ts", "pino"],
  "actors-have-no-built-in": ["actors/planted-built-in.ts", "node:crypto"],
  "workflow-values-are-deterministic": ["workflows/planted.ts", "../activities/merge/steps.ts"],
  "workflow-has-no-vendor": ["workflows/planted-vendor.ts", "pino"],
  "workflow-has-no-built-in": ["workflows/planted-built-in.ts", "node:crypto"],
  "activities-import-ports": ["activities/planted.ts", "../src/log/nats/log.ts"],
  "activities-have-no-vendor": ["activities/planted-vendor.ts", "nats"],
  "only-compose-imports-adapters": ["src/planted-adapter.ts", "./log/nats/log.ts"],
  "adapters-import-no-other-adapter": ["src/log/memory/planted.ts", "../nats/log.ts"],
  "adapters-import-no-mechanism": ["src/cold/memory.ts", "../config/config.ts"],
  "only-mains-import-compose": ["src/gateway/planted-compose.ts", "../compose/compose.ts"],
  "nobody-imports-main": ["src/planted-main.ts", "./main.ts"],
  "surfaces-do-not-import-each-other": ["src/cli/planted.ts", "../gateway/http.ts"],
  "surfaces-do-not-import-actors": ["src/gateway/planted.ts", "../../actors/query.ts"],
  "nobody-imports-test": ["ops/planted-test.ts", "../test/log.test.ts"],
  "product-does-not-import-ops": ["src/planted-ops.ts", "../ops/setup/main.ts"],
  "no-cycles": ["src/planted-cycle.ts", "./planted-cycle.ts"],
  "nothing-unresolved": ["src/planted-unresolved.ts", "./nowhere.ts"],
  "packages-are-declared": ["ops/planted-undeclared.ts", "undeclared"],
  "product-needs-no-dev-package": ["src/planted-dev.ts", "vitest"],
};

export function importing(specifier: string): string {
  return `import * as planted from "${specifier}";\nexport const seen = planted;\n`;
}

/** A package that resolves and holds nothing: the rules only look at its name. */
export function emptyPackage(name: string): Tree {
  const manifest = { name, version: "1.0.0", main: "index.js" };
  return {
    [`node_modules/${name}/package.json`]: JSON.stringify(manifest),
    [`node_modules/${name}/index.js`]: "module.exports = {};",
  };
}

/** Writes the tree into a new temporary folder and returns the folder. */
export function writeTree(tree: Tree): string {
  const root = mkdtempSync(join(tmpdir(), "freshet-layers-"));
  for (const [path, text] of Object.entries(tree)) {
    mkdirSync(join(root, dirname(path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  return root;
}
