/**
 * What kind of file a path is. One place, so that the layer rules (dependency-cruiser), the lint
 * (oxlint) and the house rules (test/architecture) can never disagree about what "an adapter" is.
 *
 * An adapter is a file, a folder or a companion (`weaviate.ts`, `nats/streams.ts`,
 * `weaviate-write.ts`) named after what it talks to. A new vendor gets its name added here and in
 * `vendors` below.
 */

/** Rooms that offer a port and hide adapters behind it. */
export const portRooms = "log|heads|cluster|text|ingest|embedding|hot|cold|retrieval|answer|merges";

/** First words of the file names that are adapters. */
export const adapterNames =
  "nats|memory|weaviate|onnx|remote|openai|hnsw|tokenizer|temporal|child-process";

/** The last group captures room and vendor, so that a rule can let an adapter use its own parts. */
export const adapterFile = `^src/(${portRooms})/(${adapterNames})([-./])`;

/** A thread of its own: its entry and the client beside it may use node built-ins. */
export const workerFile = "-(worker|thread)\\.ts$";

export const portFile = "^src/[^/]+/(port|[a-z-]+-port)\\.ts$";

/** Rooms at the rim: they speak to the outside (people, scrapers, servers), not to each other. */
export const rimRoom = "^src/(gateway|cli|observe)/";

/**
 * Mechanism over a port: it holds state, time or threads, and works on its port like an actor does, so it may use the
 * runtime and other ports, but no adapter and no vendor.
 */
export const mechanismFile =
  "^src/(log/guard/|heads/read-heads|ingest/(preparation|isolation|sources)/|answer/writer|engine/)";

/** Readers of files: each library has its own file, see `vendors`; they run in a process of their own. */
export const formatFile = "^src/ingest/formats/";

/** Decisions: everything in a port room that is neither port, adapter, thread, mechanism nor reader. */
export const pureRoom = `^src/(${portRooms})/`;
export const notPure = [portFile, adapterFile, workerFile, mechanismFile, formatFile];

/** What actors share instead of each other: messages, plain data of topology, how a watch is read. */
export const sharedByActors = "^actors/(messages\\.ts|watch-records\\.ts|directory/)";

export const testTree = "^test/";
export const productTree = "^(src|actors|workflows|activities)/";

/**
 * Who may import a package. `from` is a pattern of allowed importers; test/ and ops/ are always
 * allowed, because set-up scripts and tests drive the real servers.
 */
export const vendors = [
  {
    name: "nats",
    packages: "nats",
    from: "^src/((log|gateway|cluster|ingest|tenants)/nats|embedding/remote-nats)",
  },
  { name: "nats-jwt", packages: "@nats-io/(jwt|nkeys)", from: "^src/tenants/accounts-jwt" },
  { name: "weaviate", packages: "weaviate-client", from: "^src/cold/weaviate" },
  { name: "hnswlib", packages: "hnswlib-node", from: "^src/hot/hnsw" },
  { name: "onnx", packages: "onnxruntime-node", from: "^src/embedding/onnx" },
  {
    name: "tokenizers",
    packages: "@huggingface/tokenizers",
    from: "^src/text/tokenizer",
  },
  {
    name: "undici",
    packages: "undici",
    from: "^src/(answer/openai|embedding/remote|retrieval/remote|cold/weaviate|cli/|ingest/formats/remote-parser|merges/remote/)",
  },
  { name: "standard-webhooks", packages: "standardwebhooks", from: "^src/merges/remote/" },
  { name: "fastify", packages: "(fastify|@fastify/[^/]+)", from: "^src/gateway/" },
  {
    name: "mcp",
    packages: "@modelcontextprotocol/[^/]+",
    from: "^src/(gateway/mcp/|cli/commands/mcp)",
  },
  { name: "jose", packages: "jose", from: "^src/gateway/tokens" },
  { name: "negotiator", packages: "negotiator", from: "^src/gateway/" },
  { name: "prom-client", packages: "prom-client", from: "^src/observe/" },
  { name: "opentelemetry", packages: "@opentelemetry/[^/]+", from: "^src/observe/traces" },
  { name: "pino", packages: "pino", from: "^src/observe/" },
  { name: "file-selection", packages: "(ignore|picomatch)", from: "^src/cli/" },
  // Of scripts alone: certificates for development.
  { name: "certificates", packages: "(@peculiar/x509|reflect-metadata)", from: "^ops/servers/" },
  { name: "object-store", packages: "s3mini", from: "^src/cli/backup/s3" },
  { name: "commander", packages: "(commander|cli-progress)", from: "^src/cli/" },
  { name: "html-parser", packages: "parse5", from: "^src/ingest/formats/html/" },
  {
    name: "readability",
    packages: "(@mozilla/readability|linkedom)",
    from: "^src/ingest/formats/html/article",
  },
  { name: "pdf", packages: "unpdf", from: "^src/ingest/formats/pdf" },
  { name: "docx", packages: "mammoth", from: "^src/ingest/formats/docx" },
  { name: "mail", packages: "postal-mime", from: "^src/ingest/formats/mail" },
  { name: "csv", packages: "csv-parse", from: "^src/ingest/formats/csv" },
  { name: "front-matter", packages: "(yaml|smol-toml)", from: "^src/ingest/formats/front-matter" },
  { name: "libphonenumber", packages: "libphonenumber-js", from: "^src/text/" },
  { name: "jsonata", packages: "jsonata", from: "^src/ingest/sources/" },
  { name: "stemmer", packages: "stemmer", from: "^src/text/" },
  { name: "protobufjs", packages: "protobufjs", from: "^(ops/model/|src/cold/weaviate-wire)" },
  {
    name: "temporal-server-side",
    packages: "@temporalio/(worker|client|envconfig|nexus|core-bridge)",
    from: "^src/merges/temporal/",
  },
  { name: "temporal-workflow", packages: "@temporalio/workflow", from: "^workflows/" },
  {
    name: "temporal-activity",
    packages: "@temporalio/activity",
    from: "^(activities|src/merges/temporal)/",
  },
];

/** Small packages that only compute: values in, values out. Pure files may use them. */
export const computingPackages = "(zod|stemmer|libphonenumber-js)";

/** Where hashing is part of the design (ids, fingerprints, digests): the only built-in let in. */
export const hashFile = "/(hash|id|ids|fingerprint|digest|head|heads|manifest)(-[^/]*[.]ts|[.]ts)$";
