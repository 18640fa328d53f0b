/**
 * What the log says, read by a client of its own that no fault happens to, and checked while it is read: every message
 * of DOCS, every record of CHUNKS, every manifest.
 *
 * Owns: one oracle and one chain checker for each tenant; replies that wait until the log is read as far as they saw.
 * Never: asks Freshet.
 *
 *   CT1  CHUNKS is looked at before DOCS in each round: what a record answers is then surely read when it is checked.
 */

import { nanos } from "nats";
import { generationName, type TenantId, tenantOf } from "../../src/contract/ids.ts";
import { limits } from "../../src/contract/limits.ts";
import type { RecordHeader } from "../../src/contract/record.ts";
import { fingerprintOf } from "../../src/heads/fingerprint.ts";
import { Heads } from "../../src/heads/heads.ts";
import { decodePieces, runOf } from "../../src/heads/pieces.ts";
import { headerReader, type NatsContext, newestMessage } from "../../src/log/nats/connection.ts";
import { type Delivered, pullMessages } from "../../src/log/nats/pull.ts";
import { streamNames } from "../../src/log/nats/streams.ts";
import type { Log } from "../../src/log/port.ts";
import { headerFromWire } from "../../src/log/wire/record.ts";
import { tenantIn } from "../../src/log/wire/subjects.ts";
import { checkAnswer, type Observation } from "./check-answer.ts";
import { ChainChecker } from "./check-log.ts";
import { AnsweringGenerations } from "./generations.ts";
import type { History } from "./history.ts";
import { parseOperationKind } from "./operations.ts";
import { TenantOracle } from "./oracle.ts";

interface PlacedOperation {
  readonly seq: number;
  readonly atMs: number;
  readonly isRetry: boolean;
}

interface TenantTruth {
  readonly oracle: TenantOracle;
  readonly chain: ChainChecker;
  readonly heads: Heads;
  /** Records behind the newest manifest that was checked: heads are folded up to there. */
  tail: RecordHeader[];
  watermark: number;
  revision: number;
}

/** Both streams begin far above zero. */
const fromTheStart = 1;
const page = 512;
const previousHeader = "Nats-Expected-Last-Subject-Sequence";
const lettersMax = 100_000;

export class Truth {
  readonly #context: NatsContext;
  readonly #log: Log;
  readonly #history: History;
  /** By what is stored of them: a tenant's generations have names of their own, and one oracle. */
  readonly #tenants: Map<string, TenantTruth>;
  readonly #generations: AnsweringGenerations;
  /** Where each operation is in DOCS, more than once if it was sent again. */
  readonly #placed = new Map<string, readonly PlacedOperation[]>();
  #docsNext = fromTheStart;
  #chunksNext = fromTheStart;
  #docsRead = 0;
  #waiting: Observation[] = [];
  #round: Promise<void> = Promise.resolve();
  answersChecked = 0;

  constructor(options: {
    readonly context: NatsContext;
    readonly log: Log;
    readonly history: History;
    readonly tenants: readonly TenantId[];
  }) {
    this.#context = options.context;
    this.#log = options.log;
    this.#history = options.history;
    this.#generations = new AnsweringGenerations(options.log.generations);
    this.#tenants = new Map(options.tenants.map((tenant) => [tenant, truthOf(new TenantOracle())]));
  }

  oracle(tenant: TenantId): TenantOracle {
    return this.#of(tenant).oracle;
  }

  /** Of the generation that answers. */
  chain(tenant: TenantId): ChainChecker {
    return this.#of(this.answering(tenant)).chain;
  }

  /** Of what is stored under a name: one of the tenant's generations. */
  chainOf(name: TenantId): ChainChecker {
    return this.#of(name).chain;
  }

  /** The end of each of its generations. */
  recordsOf(tenant: TenantId): string {
    const own = [...this.#tenants].filter(([name]) => tenantOf(name as TenantId) === tenant);
    return own.map(([, { chain }]) => chain.lastPosition).join();
  }

  /** What the tenant's documents lie under that answer, as of the last look. */
  answering(tenant: TenantId): TenantId {
    return generationName(tenant, this.#generations.activeOf(tenant));
  }

  /** Destroys what is still needed; this truth has read it before. */
  async loseRecords(): Promise<void> {
    await this.catchUp();
    for (const [tenant, { chain }] of this.#tenants) {
      const filter = `chunks.*.${tenant}`;
      await this.#context.jsm.streams.purge(streamNames.chunks, {
        filter,
        seq: chain.lastPosition,
      });
    }
  }

  async dropLeases(): Promise<void> {
    await this.#context.jsm.streams.purge(streamNames.leases);
  }

  async keepLeases(always: boolean): Promise<void> {
    const hourMs = 3_600_000;
    const max_age = nanos(always ? hourMs : limits.leaseMs);
    await this.#context.jsm.streams.update(streamNames.leases, { max_age });
  }

  async close(): Promise<void> {
    await this.#context.connection.close();
  }

  /** A reply, to be checked as soon as the log is read up to what it saw. */
  observe(observation: Observation): void {
    this.#waiting.push(observation);
    this.#generations.observe(observation);
  }

  /** Reads on to where the log ends now, and checks what can be checked. @throws FreshetError log_unavailable */
  catchUp(): Promise<void> {
    // One round after the other: two at once would read the same messages.
    const round = this.#round.then(() => this.#catchUp());
    this.#round = round.catch(() => {});
    return round;
  }

  async #catchUp(): Promise<void> {
    const records = await this.#newMessages("chunks", this.#chunksNext);
    for (const message of await this.#newMessages("docs", this.#docsNext)) {
      this.#docsNext = message.seq + 1;
      this.#docsRead = message.seq;
      this.#addOperation(message);
    }
    for (const message of records) {
      this.#chunksNext = message.seq + 1;
      this.#addRecord(message);
    }
    await this.#checkManifests();
    for (const line of await this.#generations.judge(() => Date.now())) {
      this.#history.violation("answer", line);
    }
    // Last, and at once: a reply that came after it would count as one that nothing explains.
    this.#checkWaiting();
  }

  /** Once nothing is published any more: every acked operation is where its publisher was told (I1). */
  checkPublishes(): void {
    for (const id of this.#history.operations.keys()) {
      const outcomes = this.#history.outcomesOf(id);
      const places = (this.#placed.get(id) ?? []).map(({ seq }) => seq);
      for (const outcome of outcomes) {
        if (outcome.kind !== "acked" || places.includes(outcome.seq)) continue;
        const detail = `${id} was acked as ${outcome.seq} and is in DOCS at [${places}]`;
        this.#history.violation("publish", detail);
      }
      const refused = outcomes.find(({ kind }) => kind === "refused");
      if (refused?.kind === "refused" && outcomes.length === 1 && places.length > 0) {
        this.#history.violation("publish", `${id} was refused (${refused.code}) and is in DOCS`);
      }
    }
  }

  /** At rest everything that was seen is in the log; what is not was invented. */
  checkNothingWaits(): void {
    for (const { tenant, bucket, node, result } of this.#waiting) {
      const saw = result.kind === "found" ? result.visible : result.lastPublished;
      const detail = `${tenant}/${bucket} by ${node}: a reply saw ${saw}, which CHUNKS does not have`;
      this.#history.violation("answer", detail);
    }
    this.#waiting = [];
  }

  /**
   * Whether each reject has its dead letter, and nothing else one (I2). Letters come later than what they tell of; what a
   * merge left owed waits for the next merge or for retention, which a run does not last for.
   */
  async lettersAreRight(tenant: TenantId): Promise<boolean> {
    const letters = await this.#log.deadLetters.list(tenant, lettersMax);
    const found = new Set(letters.map(({ version }) => Number(version)));
    const rejects = new Set<number>();
    const missing: number[] = [];
    for (const [name, { chain }] of this.#tenants) {
      if (tenantOf(name as TenantId) !== tenant) continue;
      for (const version of chain.rejects) rejects.add(version);
      // What one owes that is given up is paid before it goes.
      if (name !== this.answering(tenant)) continue;
      const { after } = await this.#log.deadLetters.owed(name as TenantId);
      const paidTo = after === null ? chain.lastVersion : (chain.versionAt(after) ?? 0);
      missing.push(...chain.rejects.filter((version) => version <= paidTo && !found.has(version)));
    }
    const extra = [...found].filter((version) => !rejects.has(version));
    if (missing.length === 0 && extra.length === 0) return true;
    this.#history.note({ tenant, lettersMissing: missing, lettersUnexplained: extra });
    return false;
  }

  #of(name: string): TenantTruth {
    const truth = this.#named(name);
    if (truth === undefined) throw new RangeError(`no tenant ${name} in this run`);
    return truth;
  }

  /** Undefined for a tenant that is not of this run. */
  #named(name: string): TenantTruth | undefined {
    const known = this.#tenants.get(name);
    const first = this.#tenants.get(tenantOf(name as TenantId));
    if (known !== undefined || first === undefined) return known;
    const made = truthOf(first.oracle);
    this.#tenants.set(name, made);
    return made;
  }

  async #newMessages(role: "docs" | "chunks", start: number): Promise<readonly Delivered[]> {
    const messages: Delivered[] = [];
    const stream = streamNames[role];
    const filter = `${role}.>`;
    const newest = await newestMessage(this.#context, stream, filter);
    if (newest === null || newest.seq < start) return messages;
    const pull = pullMessages(this.#context, {
      stream,
      filter,
      start,
      until: { through: newest.seq },
      headersOnly: role === "chunks",
      page,
    });
    for await (const message of pull) messages.push(message);
    return messages;
  }

  #addOperation(message: Delivered): void {
    const tenant = tenantIn(message.subject);
    const truth = this.#tenants.get(tenant);
    if (truth === undefined) return;
    const id = headerReader(message.headers)("Nats-Msg-Id") ?? "";
    const operation = this.#history.operations.get(id);
    if (operation === undefined) {
      this.#history.violation("publish", `DOCS ${message.seq} (${id}) was never sent`);
      return;
    }
    const { seq, atMs } = message;
    const before = this.#placed.get(id) ?? [];
    // The window counts from the first operation under the id, and begins anew behind it.
    const first = before.findLast(({ isRetry: repeats }) => !repeats);
    const isRetry = first !== undefined && atMs - first.atMs < limits.duplicateWindowMs;
    this.#placed.set(id, [...before, { seq, atMs, isRetry }]);
    const { documentId, kind } = operation;
    if (parseOperationKind(message.data) !== kind) {
      this.#history.violation("publish", `DOCS ${message.seq} is not what ${id} sent`);
    }
    truth.oracle.add({ version: seq, documentId, kind, isRetry });
  }

  #addRecord(message: Delivered): void {
    const tenant = tenantIn(message.subject);
    const truth = this.#named(tenant);
    if (truth === undefined) return;
    const read = headerReader(message.headers);
    const place = {
      tenant: tenant as TenantId,
      atMs: message.atMs,
      position: message.seq as RecordHeader["position"],
      previous: Number(
        read(previousHeader) ?? read("Freshet-Previous") ?? -1,
      ) as RecordHeader["previous"],
    };
    const record = headerFromWire(read, place);
    for (const line of truth.chain.accept(record)) {
      this.#history.violation("log", `${tenant}: ${line}`);
    }
    truth.tail.push(record);
  }

  /** Watermarks rise, and the heads that a manifest names are the fold of CHUNKS up to it. */
  async #checkManifests(): Promise<void> {
    for (const [tenant, truth] of this.#tenants) {
      const stored = await this.#log.manifests.get(tenant as TenantId);
      if (stored === null || stored.revision === truth.revision) continue;
      const { manifest, revision } = stored;
      if (manifest.to > truth.chain.lastPosition) continue; // CHUNKS is read that far next time
      const say = (detail: string): void =>
        this.#history.violation("manifest", `${tenant}: ${detail}`);
      if (manifest.to < truth.watermark) say(`the watermark went back to ${manifest.to}`);
      if (truth.chain.versionAt(manifest.to) !== manifest.version) {
        say(`version ${manifest.version} is not that of the record at ${manifest.to}`);
      }
      truth.watermark = manifest.to;
      truth.revision = revision;
      foldThrough(truth, manifest.to);
      const pieces = await Promise.all(
        manifest.pieces.map(({ digest }) =>
          this.#log.manifests.getPiece(tenant as TenantId, digest).catch(() => null),
        ),
      );
      // A newer manifest may have come meanwhile, and its merge swept the pieces of this one.
      const current = await this.#log.manifests.get(tenant as TenantId);
      if (current?.revision !== revision) continue;
      const whole = pieces.filter((piece) => piece !== null);
      if (whole.length < pieces.length) say("a piece of the heads is missing");
      else if (!sameHeads(decodePieces(whole, manifest.pieces.map(runOf)), truth.heads)) {
        say(`the heads of revision ${revision} are not the fold of CHUNKS up to ${manifest.to}`);
      }
    }
  }

  #checkWaiting(): void {
    const later: Observation[] = [];
    for (const observation of this.#waiting) {
      const { result, generation = 1 } = observation;
      const { oracle, chain } = this.#of(
        generationName(observation.tenant as TenantId, generation),
      );
      const saw = result.kind === "found" ? result.visible : result.lastPublished;
      // A record is visible only when it is in CHUNKS, and CHUNKS was read before DOCS.
      if (saw > this.#docsRead || (result.kind === "found" && saw > chain.lastVersion)) {
        later.push(observation);
        continue;
      }
      this.answersChecked += 1;
      for (const line of checkAnswer(observation, oracle, (version) => chain.chunksOf(version))) {
        const { tenant, bucket, node, atMs } = observation;
        this.#history.violation("answer", `${tenant}/${bucket} by ${node} at ${atMs}: ${line}`);
      }
    }
    this.#waiting = later;
  }
}

function truthOf(oracle: TenantOracle): TenantTruth {
  const chain = new ChainChecker(oracle);
  return { oracle, chain, heads: new Heads(), tail: [], watermark: 0, revision: 0 };
}

/** An own fold: what Freshet's activities fold is what is checked. */
function foldThrough(truth: TenantTruth, position: number): void {
  const folded = truth.tail.filter((record) => record.position <= position);
  truth.tail = truth.tail.filter((record) => record.position > position);
  for (const { tenant, kind, version, documentId } of folded) {
    const fingerprint = documentId === null ? null : fingerprintOf(tenant, documentId);
    truth.heads.apply({ kind, version, fingerprint });
  }
}

function sameHeads(one: Heads, other: Heads): boolean {
  return (
    one.size === other.size && [...one].every(([print, version]) => other.get(print) === version)
  );
}
