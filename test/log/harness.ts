/** What the conformance suite of the log asks of an adapter's tests. */

import type { DocumentEvent } from "../../src/contract/events.ts";
import type { TenantId, Version } from "../../src/contract/ids.ts";
import type { Log } from "../../src/log/port.ts";
import type { WireHeaders } from "../../src/log/wire/record.ts";

export interface LogHarness {
  readonly log: Log;
  /** The same log as another node sees it. */
  readonly other: Log;
  /** Stores an operation under an unchecked token. */
  publishRaw(tenant: string, payload: Uint8Array): Promise<void>;
  /**
   * Stores what no owner wrote, or a damaged record of the chain, under the tenant's subject in
   * CHUNKS.
   */
  putForeignRecord(tenant: TenantId, headers: WireHeaders, body?: Uint8Array): Promise<void>;
  /** The same in the place of the tenant's manifest. */
  putForeignManifest(tenant: TenantId, payload: Uint8Array): Promise<void>;
  /** The same in the place of an operation's dead letter. */
  putForeignLetter(tenant: TenantId, version: Version): Promise<void>;
  /** The next append through `log` is stored, but its acknowledgement is lost. */
  loseNextAppendAck(): void;
  /**
   * Waits until the log's clock has moved on, and tells it: nothing that is stored is as young.
   * Unix milliseconds.
   */
  atNextMoment(): Promise<number>;
  /** Waits until no lease of before is held any more. */
  letLeasesExpire(): Promise<void>;
  /** The server's clock is set back by an hour: what is there expires so much later. */
  setServerClockBack(): Promise<void>;
  /** Waits for a part of a lease time, by the nodes' clocks. */
  passLeaseTime(parts: number): Promise<void>;
  /** Resolves once an event cannot be missed any more, with the promise of the next one. */
  listen(tenant: TenantId): Promise<{ readonly event: Promise<DocumentEvent> }>;
  close(): Promise<void>;
}

/** A harness that the tests of a describe block share. */
export interface Opened {
  readonly harness: LogHarness;
  /** A tenant that no other test uses. */
  tenant(): TenantId;
}
