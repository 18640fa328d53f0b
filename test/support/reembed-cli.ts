/** `freshet reembed` in this process, against the servers of a site. */

import { runCli } from "../../src/cli/program.ts";
import type { TenantId } from "../../src/contract/ids.ts";
import type { Environment } from "./engine-process.ts";

export interface Said {
  readonly code: number;
  readonly out: string;
  readonly note: string;
}

export type ReembedCli = (action: string, ...flags: readonly string[]) => Promise<Said>;

/** Of the tenant, unless `--tenant` names another one. */
export function reembedCli(env: Environment, tenant: TenantId): ReembedCli {
  return async (action, ...flags) => {
    let [out, note] = ["", ""];
    const named = flags.includes("--tenant") ? [] : ["--tenant", tenant];
    const code = await runCli(
      ["reembed", action, ...flags, ...named],
      {
        out: (text) => void (out += text),
        note: (text) => void (note += text),
        env,
        stdin: (async function* () {})(),
        terminal: false,
        signal: new AbortController().signal,
      },
      "test",
    );
    return { code, out, note };
  };
}
