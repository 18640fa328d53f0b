/** Certificates in files: when they end. */

import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { certificateFiles } from "../../config/certificate-files.ts";
import type { Config } from "../../config/config.ts";
import { type Finding, fail, ok, warn } from "./finding.ts";

export function checkCertificates(config: Config, nowMs: number): readonly Finding[] {
  return certificateFiles(config).map(({ setting, path }) =>
    checkCertificate(setting, path, nowMs),
  );
}

function checkCertificate(setting: string, path: string, nowMs: number): Finding {
  try {
    // Of a file with several the first, which is its owner's.
    const { validFromDate, validToDate } = new X509Certificate(readFileSync(path));
    const life = { fromMs: validFromDate.getTime(), toMs: validToDate.getTime() };
    return judgeCertificate(setting, life, nowMs);
  } catch (thrown) {
    const { code } = thrown as NodeJS.ErrnoException;
    const why = code === "ENOENT" ? "is not there" : `cannot be read (${code ?? "no certificate"})`;
    return fail(setting, `${path} ${why}`, "correct the path, or put a certificate in PEM there");
  }
}

const dayMs = 24 * 60 * 60 * 1_000;
/** As long before its end an alert comes (ops/prometheus). */
const soonMs = 14 * dayMs;
/** Those who renew by themselves have done so by then; some live for a day. */
const renewedByShare = 1 / 4;

/** Pure. */
export function judgeCertificate(
  setting: string,
  { fromMs, toMs }: { readonly fromMs: number; readonly toMs: number },
  nowMs: number,
): Finding {
  const end = new Date(toMs).toISOString();
  if (nowMs > toMs) return fail(setting, `has expired (${end})`, "renew it: it is refused now");
  if (nowMs < fromMs) {
    const begin = new Date(fromMs).toISOString();
    return fail(setting, `is not valid before ${begin}`, "look at the clock of this machine");
  }
  const leftMs = toMs - nowMs;
  if (leftMs > Math.min(soonMs, (toMs - fromMs) * renewedByShare)) {
    return ok(setting, `valid until ${end}`);
  }
  return warn(setting, `ends soon (${end})`, "renew it: processes read the new file by themselves");
}
