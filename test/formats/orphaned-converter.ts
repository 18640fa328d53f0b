/** Starts the process that converts, keeps it busy, tells its pid, and waits to be killed. */

import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";

const child = fork(
  fileURLToPath(new URL("../../src/ingest/formats/convert-worker.ts", import.meta.url)),
  {
    serialization: "advanced",
    stdio: ["ignore", "ignore", "ignore", "ipc"],
  },
);
child.once("message", () => {
  const rows = Buffer.from("<table><tr><td>x".repeat(400_000));
  child.send({ kind: "html", bytes: rows }, () => process.send?.(child.pid));
});
