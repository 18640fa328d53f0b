/**
 * Messages that readers of the log found and could not use.
 *
 * Any client that may publish to a subject of the log can store anything there, and so can a server
 * that answers to a reply subject which a client chose. A reader passes over such a message and
 * reports it here; it never stops for it.
 *
 *   QU1  each message is counted and logged once by a process, however often it is read (as long as
 *        it is remembered);
 *   QU2  nothing of a message's content is kept or logged: stream, sequence and subject are enough
 *        to look at it.
 */

import { FreshetError } from "../contract/errors.ts";
import { limits } from "../contract/limits.ts";
import type { QuarantinedRecord } from "../contract/quarantine.ts";
import { RecordFormatError } from "../contract/record-body.ts";

export interface QuarantineOptions {
  /** Counts and logs it (QU1). */
  readonly report: (record: QuarantinedRecord) => void;
  readonly rememberedMax?: number | undefined;
}

export class Quarantine {
  readonly #options: QuarantineOptions;
  readonly #records = new Map<string, QuarantinedRecord>();

  constructor(options: QuarantineOptions) {
    this.#options = options;
  }

  add(record: QuarantinedRecord): void {
    const { stream, seq, why } = record;
    const key = `${stream}/${seq}`;
    if (this.#records.has(key)) return;
    const { report, rememberedMax = limits.quarantineRememberedMax } = this.#options;
    const [oldest] = this.#records.keys();
    if (oldest !== undefined && this.#records.size >= rememberedMax) this.#records.delete(oldest);
    const subject = record.subject.slice(0, limits.quarantineSubjectCharsMax);
    const kept = { stream, seq, subject, why };
    this.#records.set(key, kept);
    report(kept);
  }

  /** Oldest first. */
  list(): readonly QuarantinedRecord[] {
    return [...this.#records.values()];
  }
}

/** A record breaks its tenant's chain; the other tenants continue. */
export function unreadableRecord(
  { tenant, position }: { readonly tenant: string; readonly position: number },
  cause: unknown,
): FreshetError {
  const why = cause instanceof RecordFormatError ? `: ${cause.message}` : "";
  const message =
    `record ${position} of tenant ${tenant} in CHUNKS is not readable${why}; ` +
    "see ops/runbooks/quarantined-record.md";
  return new FreshetError("broken_chain", message, { details: { tenant, position }, cause });
}
