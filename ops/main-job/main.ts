/** What `ops/start` runs. */
import { runStart } from "./run.ts";

process.exitCode = await runStart("ops/start");
