/** Writes the audit trail of the node `killed` until it is ended. A program, not a test. */

import { silentLogger, silentMetrics } from "../../src/contract/observation.ts";
import { AuditWriter } from "../../src/log/guard/audit-writer.ts";
import { connectNatsLog } from "../../src/log/nats/log.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import { publishOf } from "./audit-kit.ts";

const [servers = "", writer = ""] = process.argv.slice(2);
const log = await connectNatsLog({ servers, partitions: 8, clock: systemClock });
const reports = { clock: systemClock, logger: silentLogger, metrics: silentMetrics };
const trail = new AuditWriter({
  log: log.audit,
  chain: "killed",
  writer,
  key: undefined,
  ...reports,
});
for (let count = 0; ; count += 1) {
  trail.record(publishOf(`${writer}-${count}`));
  if (count % 100 === 0) process.stdout.write(`${count}\n`);
  await systemClock.sleep(1);
}
