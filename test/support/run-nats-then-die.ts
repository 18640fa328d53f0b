/** Starts a nats-server under the folder given, then dies as by `kill -9`. A program, not a test. */
import { startNats } from "../../ops/servers/nats.ts";
import { ensureTools } from "../../ops/setup/ensure-tools.ts";
import { silentProgress } from "../../ops/setup/progress.ts";

const want = { nats: true, temporal: false, weaviate: false, embedding: false, llm: false };
const tools = await ensureTools({ env: process.env, progress: silentProgress, want });
const dataDir = process.argv[2];
if (dataDir === undefined || tools.natsServer === undefined) throw new Error("usage: FOLDER");
await startNats({ dataDir, env: process.env, ports: {} }, tools.natsServer);
process.kill(process.pid, "SIGKILL");
