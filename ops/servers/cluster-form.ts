/**
 * One server or a cluster of them: the data of the one form is of no use to the other, and which it
 * is shows in the name of its folder. And starting the members of a cluster together.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { SetupError } from "../setup/setup-error.ts";
import type { RunningServer } from "./supervise.ts";

export const clusterFolder = (folder: string): string => `${folder}-cluster`;

/** @throws SetupError when the data here is only of the other form */
export function refuseOtherForm(
  dataDir: string,
  asked: {
    readonly servers: number;
    /** Of the cluster. */
    readonly size: number;
    /** Of a single server's data. */
    readonly folder: string;
    readonly option: string;
    /** In words: what lies there, and who made it. */
    readonly what: string;
    readonly program: string;
  },
): void {
  const { servers, size, folder, option, what, program } = asked;
  const [own, other] =
    servers === 1 ? [folder, clusterFolder(folder)] : [clusterFolder(folder), folder];
  if (!existsSync(join(dataDir, other)) || existsSync(join(dataDir, own))) return;
  const [made, mend] =
    servers === 1
      ? [`${size} ${program}s`, `with ${option} ${size}`]
      : [`one ${program}`, `without ${option}`];
  throw new SetupError(
    `${what} in ${dataDir} was made by ${made}: ` +
      `start ${mend}, or choose another folder with FRESHET_DATA_DIR`,
  );
}

/**
 * Side by side: a member is ready when a majority of them runs.
 * @throws ServerStartError when one of them does not start; then none is left
 */
export async function startMembers(
  starting: readonly Promise<RunningServer>[],
): Promise<readonly RunningServer[]> {
  const starts = await Promise.allSettled(starting);
  const running = starts.flatMap((start) => (start.status === "fulfilled" ? [start.value] : []));
  for (const start of starts) {
    if (start.status === "fulfilled") continue;
    await Promise.all(running.map((server) => server.kill()));
    throw start.reason;
  }
  return running;
}
