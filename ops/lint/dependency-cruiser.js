/**
 * The layer rules (ARCHITECTURE.md, Rooms), one each, every comment saying what to do instead.
 * `test/architecture/layers.test.ts` plants a violation of every rule here and fails when a rule
 * has none, or when the checker sees no modules (it does so silently under a TypeScript it does
 * not know).
 */
import {
  adapterFile,
  computingPackages,
  hashFile,
  notPure,
  portFile,
  productTree,
  pureRoom,
  rimRoom,
  sharedByActors,
  testTree,
  vendors,
  workerFile,
} from "./rooms.js";

const npm = ["npm", "npm-dev", "npm-optional", "npm-peer", "npm-no-pkg", "npm-unknown"];
const anyPackage = { dependencyTypes: npm };
const anyBuiltIn = { dependencyTypes: ["core"] };
const valuesOnly = { dependencyTypesNot: ["type-only"] };
const packages = (names) => `(^|/)node_modules/${names}/`;

const leaves = [
  {
    name: "contract-is-a-leaf",
    comment:
      "src/contract is what everybody shares, so it may lean on nobody: move the shared type or constant into src/contract, or keep it in the room that owns it",
    from: { path: "^src/contract/" },
    to: { pathNot: ["^src/contract/", packages("zod"), "^(node:)?crypto$"] },
  },
  {
    name: "runtime-knows-no-domain",
    comment:
      "the actor runtime must stay readable without knowing Freshet: pass the domain value in as a type parameter, a message or an option (only limits and errors of the contract are known to it)",
    from: { path: "^src/runtime/" },
    to: {
      path: "^(src|actors|workflows|activities)/",
      pathNot: ["^src/runtime/", "^src/contract/(errors|limits)"],
    },
  },
  {
    name: "runtime-has-no-vendor",
    comment:
      "the actor runtime is plain TypeScript: write it with node built-ins, or put the vendor behind a port",
    from: { path: "^src/runtime/" },
    to: anyPackage,
  },
  {
    name: "client-leans-on-nothing",
    comment:
      "src/client is a package of its own (ops/client) that runs in browsers: write the type or the few lines here, or take the value as an option; test/client compares what is written twice",
    from: { path: "^src/client/" },
    to: { pathNot: "^src/client/" },
  },
  {
    name: "engine-does-not-import-client",
    comment:
      "src/client is for users of the engine: what an engine needs of itself is in the contract or behind a port",
    from: { path: productTree, pathNot: "^src/client/" },
    to: { path: "^src/client/" },
  },
  {
    name: "port-imports-contract-only",
    comment:
      "a port is an interface in contract words: move the type that it needs into src/contract, or state it in the port itself",
    from: { path: portFile },
    to: { pathNot: ["^src/contract/", portFile] },
  },
];

const pure = [
  {
    name: "pure-has-no-vendor",
    comment:
      "a decision takes values and returns values: let the adapter call the package and hand the result in (packages that only compute are listed in ops/lint/rooms.js)",
    from: { path: pureRoom, pathNot: notPure },
    to: { ...anyPackage, pathNot: packages(computingPackages) },
  },
  {
    name: "pure-has-no-built-in",
    comment:
      "a decision reads no file, socket or clock: take the value as a parameter and let the adapter or actor fetch it (hashing lives in a file named hash, id, fingerprint, digest, heads or manifest)",
    from: { path: pureRoom, pathNot: [...notPure, hashFile] },
    to: anyBuiltIn,
  },
  {
    name: "hash-uses-crypto-only",
    comment: "a hashing file is pure but for node:crypto: take everything else as a parameter",
    from: { path: hashFile, pathNot: [...notPure, "^(ops|test)/", "^src/contract/"] },
    to: { ...anyBuiltIn, pathNot: "^(node:)?crypto$" },
  },
  {
    name: "pure-knows-no-mechanism",
    comment:
      "a decision may use the contract, ports and other decisions: return a value that tells the actor what to do, instead of doing it (the clock's type is allowed, its value is injected)",
    from: { path: pureRoom, pathNot: notPure },
    to: {
      path: [
        adapterFile,
        rimRoom,
        "^src/(runtime/(?!clock)|config|compose|engine|main)",
        "^(actors|workflows|activities)/",
      ],
    },
  },
];

const actors = [
  {
    name: "actors-never-import-each-other",
    comment:
      "actors know messages, not each other: type the mailbox by its message union from actors/messages.ts and let actors/topology/topology.ts hand it over (parts of one actor share its folder)",
    from: { path: "^actors/([a-z-]+)[./]", pathNot: "^actors/topology" },
    to: { path: "^actors/", pathNot: ["^actors/$1[./]", sharedByActors] },
  },
  {
    name: "actors-import-inner-rooms-only",
    comment:
      "an actor is mechanism over ports: take what it needs from src/contract, src/runtime, a port or a pure file, and let src/compose pass the rest in",
    from: { path: "^actors/" },
    to: {
      path: [
        adapterFile,
        workerFile,
        rimRoom,
        "^src/(config|compose|engine|main)",
        "^(workflows|activities)/",
      ],
      pathNot: portFile,
    },
  },
  {
    name: "actors-have-no-vendor",
    comment: "an actor speaks to a port: put the package behind an adapter of that port",
    from: { path: "^actors/" },
    to: anyPackage,
  },
  {
    name: "actors-have-no-built-in",
    comment: "an actor gets clock, ids and randomness injected: take them as constructor options",
    from: { path: "^actors/" },
    to: anyBuiltIn,
  },
];

const temporal = [
  {
    name: "workflow-values-are-deterministic",
    comment:
      "a workflow is replayed, so its values come from @temporalio/workflow, src/contract and pure files only: use `import type` for activities and ports, and do the effect in an activity",
    from: { path: "^workflows/" },
    to: {
      ...valuesOnly,
      path: [
        "^(actors|activities)/",
        portFile,
        adapterFile,
        workerFile,
        rimRoom,
        "^src/(runtime/(?!backoff)|config|compose|engine|main)",
      ],
    },
  },
  {
    name: "workflow-has-no-vendor",
    comment:
      "a workflow may use @temporalio/workflow and nothing else installed: do the work in an activity",
    from: { path: "^workflows/" },
    to: {
      ...anyPackage,
      ...valuesOnly,
      pathNot: [packages("@temporalio/workflow"), packages(computingPackages)],
    },
  },
  {
    name: "workflow-has-no-built-in",
    comment: "workflow code runs in a sandbox without node built-ins: do the work in an activity",
    from: { path: "^workflows/" },
    to: anyBuiltIn,
  },
  {
    name: "activities-import-ports",
    comment:
      "activities are createXActivities(ports): take the port as a parameter and let src/compose hand over the adapter",
    from: { path: "^activities/" },
    to: {
      path: [
        adapterFile,
        workerFile,
        rimRoom,
        "^src/(config|compose|engine|main)",
        "^(actors|workflows)/",
      ],
    },
  },
  {
    name: "activities-have-no-vendor",
    comment:
      "an activity speaks to ports: only @temporalio/activity and @temporalio/common are its own",
    from: { path: "^activities/" },
    to: {
      ...anyPackage,
      pathNot: [packages("@temporalio/(activity|common)"), packages(computingPackages)],
    },
  },
];

const assembly = [
  {
    name: "only-compose-imports-adapters",
    comment:
      "nothing but src/compose (and src/cli/connect.ts, for clients) picks an adapter: import the room's port.ts and take the instance as a parameter (an adapter's own parts share its first name)",
    from: {
      path: "^(src|actors|workflows|activities)/",
      pathNot: ["^src/(compose/|cli/connect[.])", adapterFile, workerFile],
    },
    to: { path: adapterFile },
  },
  {
    name: "adapters-import-no-other-adapter",
    comment:
      "an adapter knows its own vendor and its port: move what two adapters share into a pure file of the room, or wrap one by the other in src/compose",
    from: { path: adapterFile },
    to: { path: adapterFile, pathNot: "^src/$1/$2[-./]" },
  },
  {
    name: "adapters-import-no-mechanism",
    comment:
      "an adapter serves its port and is called: it knows no actor, no surface and no configuration; take a value or a callback as a parameter",
    // The adapters of src/merges run our own workflows and activities: that is what they adapt.
    from: { path: [adapterFile, workerFile], pathNot: "^src/merges/" },
    to: {
      path: [rimRoom, "^src/(config|compose|main)", "^(actors|workflows|activities)/"],
      pathNot: portFile,
    },
  },
  {
    name: "only-mains-import-compose",
    comment:
      "src/compose is the top: take the one part that is needed as a parameter instead of reaching up for the whole",
    from: { pathNot: ["^src/(compose|main)", "^src/cli/", "^(ops|test)/"] },
    to: { path: "^src/compose" },
  },
  {
    name: "nobody-imports-main",
    comment: "src/main.ts is a process, not a library: inside, import the file that owns the name",
    from: { path: productTree },
    to: { path: "^src/main\\.ts$" },
  },
  {
    name: "surfaces-do-not-import-each-other",
    comment:
      "gateway, cli and observe meet in src/compose only: share through src/contract, or pass a function in",
    from: { path: "^src/(gateway|cli|observe)/", pathNot: "^src/cli/connect[.]ts$" },
    to: {
      path: rimRoom,
      // Ports are what surfaces are for; src/cli/connect.ts is the composition root of a client process.
      pathNot: ["^src/$1/", portFile],
    },
  },
  {
    name: "surfaces-do-not-import-actors",
    comment:
      "a surface sends messages and calls handlers that src/compose hands to it: import the message type from src/contract",
    from: { path: "^src/(gateway|cli|observe)/" },
    to: { path: "^(actors|workflows|activities)/", ...valuesOnly },
  },
];

const trees = [
  {
    name: "nobody-imports-test",
    comment:
      "test/ is a leaf that looks at everything: move the shared helper into the room that owns it",
    from: { pathNot: testTree },
    to: { path: testTree },
  },
  {
    name: "product-does-not-import-ops",
    comment:
      "what ships does not need the set-up: move the shared part into src/ and let ops/ import it",
    from: { path: productTree },
    to: { path: "^ops/" },
  },
  {
    name: "no-cycles",
    comment:
      "two files that need each other are one file or hide a third: move what they share into that third file",
    from: {},
    to: { circular: true },
  },
  {
    name: "nothing-unresolved",
    comment:
      "the imported file or package does not exist: correct the path (it ends in .ts) or have the package added",
    // The one example that is run outside of the repository, with packages that are not in it.
    from: { pathNot: "^ops/examples/14-langchain\\.js$" },
    to: { couldNotResolve: true },
  },
  {
    name: "packages-are-declared",
    comment: "the package is only here because another one brought it: declare it in package.json",
    from: {},
    to: { dependencyTypes: ["npm-no-pkg", "npm-unknown"] },
  },
  {
    name: "product-needs-no-dev-package",
    comment:
      "what ships may not need a development package: move it to dependencies, or the import to test/ or ops/",
    from: { path: productTree },
    to: { dependencyTypes: ["npm-dev"], dependencyTypesNot: ["type-only"] },
  },
];

const ownVendor = vendors.map(({ name, packages: names, from }) => ({
  name: `vendor-${name}`,
  comment: `${names} belongs to ${from}: use the port of that room, or extend the list in ops/lint/rooms.js with the adapter that needs it`,
  from: { pathNot: [from, "^(ops|test)/"] },
  to: { path: packages(names) },
}));

/** @type {import("dependency-cruiser").IConfiguration} */
export default {
  forbidden: [...leaves, ...pure, ...actors, ...temporal, ...assembly, ...trees, ...ownVendor].map(
    (rule) => ({ severity: "error", ...rule }),
  ),
  options: {
    doNotFollow: { path: "node_modules" },
    exclude: { path: "^(node_modules/\\.|\\.freshet/)" },
    // Types count too: a layer that needs another layer's types knows it.
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.json" },
    enhancedResolveOptions: {
      exportsFields: ["exports"],
      conditionNames: ["import", "require", "node", "default", "types"],
      extensions: [".ts", ".js", ".mjs", ".cjs", ".json", ".d.ts", ".node"],
    },
  },
};
