/** Clusters of a test's own: between choosing ports and binding them another file's server may be quicker. */

import { isPortTaken } from "../../ops/servers/ports.ts";
import { ServerStartError } from "../../ops/servers/supervise.ts";

const attemptsMax = 5;

/** Starts on other ports when some were taken meanwhile. */
export async function onFreePorts<Ports, Started>(
  choose: () => Promise<Ports>,
  start: (ports: Ports) => Promise<Started>,
): Promise<Started> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await start(await choose());
    } catch (thrown) {
      const isTaken = thrown instanceof ServerStartError && isPortTaken(thrown.log);
      if (!isTaken || attempt === attemptsMax) throw thrown;
    }
  }
}

interface Member {
  start(): Promise<void>;
  kill(): Promise<void>;
}

/** Side by side; none is left when one does not start. @throws what the first of those threw */
export async function startedAll(members: readonly Member[]): Promise<void> {
  const starts = await Promise.allSettled(members.map((member) => member.start()));
  const failed = starts.find((start) => start.status === "rejected");
  if (failed === undefined) return;
  await Promise.all(members.map((member) => member.kill()));
  throw failed.reason;
}
