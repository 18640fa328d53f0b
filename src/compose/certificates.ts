/** When the certificates that this process reads end, as metrics: an alert comes before they do. */

import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { certificateFiles } from "../config/certificate-files.ts";
import { limits } from "../contract/limits.ts";
import type { Foundation } from "./foundation.ts";
import type { Stack } from "./stack.ts";

/** Looked at all the time, because files are replaced while a process runs. */
export function watchCertificates(
  { config, metrics, clock }: Pick<Foundation, "config" | "metrics" | "clock">,
  stack: Stack,
): void {
  const files = certificateFiles(config);
  if (files.length === 0) return;
  const ending = new AbortController();
  const look = async (): Promise<void> => {
    while (!ending.signal.aborted) {
      for (const { setting, path } of files) {
        const endsAtMs = endOf(path);
        // One that cannot be read keeps what it said: the part that uses it says what is wrong.
        if (endsAtMs === undefined) continue;
        const labels = { file: setting };
        metrics.set("certificate_expires_timestamp_seconds", endsAtMs / 1000, labels);
      }
      await clock.sleep(limits.certificateExpiryEveryMs, ending.signal);
    }
  };
  const looking = look();
  void stack.push("certificates", looking, () => {
    ending.abort();
    return looking;
  });
}

/** Unix milliseconds; of a file with several the first, which is its owner's. */
function endOf(path: string): number | undefined {
  try {
    return new X509Certificate(readFileSync(path)).validToDate.getTime();
  } catch {
    return undefined;
  }
}
