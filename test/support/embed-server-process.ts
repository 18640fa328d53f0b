/** Real embed servers as child processes: `freshet embed-server`, to ask, kill and start again. */

import { freePort } from "../../ops/servers/ports.ts";
import type { Environment } from "./engine-process.ts";
import { inheritedEnvironment } from "./environment.ts";
import { type Run, runCommand } from "./run-freshet.ts";

export interface EmbedServerProcess {
  /** Base URL of the API; the same after a restart. */
  readonly url: string;
  kill9(): Promise<void>;
  pause(): void;
  resume(): void;
  stop(): Promise<number | string>;
  restart(): Promise<void>;
}

export async function startEmbedServerProcess(
  env: Environment = {},
  flags: readonly string[] = [],
): Promise<EmbedServerProcess> {
  const port = await freePort();
  const start = async (): Promise<Run> => {
    const own = { ...inheritedEnvironment(), FRESHET_EMBED_THREADS: "1", ...env };
    const run = runCommand(["embed-server", "--port", String(port), ...flags], own);
    await run.says(/embed server listens/);
    return run;
  };
  let run = await start();
  const stop = async (): Promise<number | string> => {
    run.signal("SIGCONT");
    run.signal("SIGTERM");
    return run.ended;
  };
  return {
    url: `http://127.0.0.1:${port}/v1`,
    async kill9() {
      run.signal("SIGKILL");
      await run.ended;
    },
    pause: () => run.signal("SIGSTOP"),
    resume: () => run.signal("SIGCONT"),
    stop,
    async restart() {
      await stop();
      run = await start();
    },
  };
}
