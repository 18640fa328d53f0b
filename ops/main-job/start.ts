/** What `freshet start` runs. */
import { runStart } from "./run.ts";

process.exitCode = await runStart("freshet start");
