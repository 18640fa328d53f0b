/** `freshet backup`: copies of a log to restore it from. */

import { resolve } from "node:path";
import type { Command } from "commander";
import type { Backup } from "../../contract/backup.ts";
import { MiB } from "../../contract/limits/units.ts";
import { limits } from "../../contract/limits.ts";
import { systemClock } from "../../runtime/clock.ts";
import { resolveAddresses } from "../addresses.ts";
import { writeDown } from "../audit.ts";
import type { Made } from "../backup/create.ts";
import { FolderStore } from "../backup/folder-store.ts";
import { backupIds, checkStore, chosenId, markStore, readIndex } from "../backup/index-file.ts";
import { progressOn } from "../backup/progress.ts";
import { type BackupStore, Parts } from "../backup/store.ts";
import type { Report } from "../backup/verify.ts";
import { CliError, usageError } from "../exit.ts";
import { wholeNumber, withJson, withNats } from "../options.ts";
import { mebibytes, printable, table } from "../print.ts";
import type { Terminal } from "../terminal.ts";

interface BackupOptions {
  readonly json?: true | undefined;
}

interface LinkedOptions extends BackupOptions {
  readonly nats?: string | undefined;
}

interface RestoreOptions extends LinkedOptions {
  readonly sequenceGap: number;
}

export function addBackup(program: Command, terminal: Terminal, version: string): void {
  const backup = program.command("backup").description("copies of a log, to restore it from");
  withNats(
    backup
      .command("create")
      .description("copies a log that is in use; repeat it: only what is new is written"),
    ["freshet backup create /backups/freshet", "freshet backup create s3://backups/freshet --json"],
  )
    .argument("<place>", placeHelp)
    .action(async (place: string, options: LinkedOptions) =>
      create(place, options, { terminal, version }),
    );
  withNats(backup.command("restore").description("into an empty NATS, and its Weaviate"), [
    "freshet backup restore /backups/freshet",
    "freshet backup restore /backups/freshet 20261129T214500Z-1f2e3d4c --nats nats://new:4222",
  ])
    .argument("<place>", placeHelp)
    .argument("[id]", idHelp)
    .option(
      "--sequence-gap <n>",
      "sequences to pass over: more than were published since the backup",
      wholeNumber(0, limits.backupSequenceGapMax),
      limits.backupSequenceGap,
    )
    .action(async (place: string, id: string | undefined, options: RestoreOptions) =>
      restore({ place, id }, options, terminal),
    );
  withJson(backup.command("verify").description("reads all of a backup: is it whole?"), [
    "freshet backup verify /backups/freshet",
  ])
    .argument("<place>", placeHelp)
    .argument("[id]", idHelp)
    .action(async (place: string, id: string | undefined, options: BackupOptions) =>
      verify({ place, id }, options, terminal),
    );
  withJson(backup.command("list").description("the backups of a place, the newest first"), [
    "freshet backup list /backups/freshet",
  ])
    .argument("<place>", placeHelp)
    .action(async (place: string, options: BackupOptions) => list(place, options, terminal));
}

const placeHelp = "a folder, or s3://bucket/prefix (AWS_ACCESS_KEY_ID, AWS_ENDPOINT_URL_S3, …)";
const idHelp = "which one; the newest without it";

interface Named {
  readonly place: string;
  readonly id: string | undefined;
}

type Place = BackupStore & { tidy(nowMs: number): Promise<void> };

/** @throws CliError usage */
async function storeAt(place: string, { env, note }: Terminal): Promise<Place> {
  if (!/^[a-z0-9]+:\/\//i.test(place)) return new FolderStore(resolve(place));
  if (!place.startsWith("s3://")) {
    throw usageError(`${place}: backups go into a folder, or to s3://bucket/prefix`);
  }
  const { S3Store } = await import("../backup/s3-store.ts");
  return new S3Store(place, env, (what) => note(`${printable(what)}\n`));
}

const nowMs = (): number => systemClock.nowMs();

async function create(
  place: string,
  options: LinkedOptions,
  { terminal, version }: { readonly terminal: Terminal; readonly version: string },
): Promise<void> {
  const store = await storeAt(place, terminal);
  const isNew = (await checkStore(store)) === "empty";
  const [{ openBackedUpLog, openObjects, openStreams }, { createBackup }] = await Promise.all([
    import("../../compose/backup.ts"),
    import("../backup/create.ts"),
  ]);
  const site = siteOf(options, terminal);
  const log = await openBackedUpLog(site);
  try {
    if (isNew) await markStore(store);
    await store.tidy(nowMs());
    const { copies } = await openStreams(site);
    const objects = openObjects(site, { deployment: log.deployment, dimensions: 1 });
    const parts = new Parts(store);
    try {
      const progress = progressOn(terminal.note, nowMs);
      const making = { log, copies, objects, parts, progress, version, nowMs };
      const made = await createBackup({ ...making, signal: terminal.signal });
      const addresses = resolveAddresses(options, terminal.env);
      await writeDown({ operation: "backup_create" }, { addresses, terminal, audit: log.audit });
      showMade(made, parts, { terminal, json: options.json === true });
    } finally {
      await Promise.all([objects.close(), copies.close()]);
    }
  } finally {
    await log.close();
  }
}

function siteOf(options: LinkedOptions, terminal: Terminal) {
  const { nats, partitions, links, weaviate } = resolveAddresses(options, terminal.env);
  return { nats, partitions, links: { nats: links?.nats, weaviate } };
}

function showMade(
  { backup, indexBytes, others }: Made,
  { written }: Parts,
  { terminal, json }: { readonly terminal: Terminal; readonly json: boolean },
): void {
  const writtenBytes = written.bytes + indexBytes;
  const lacking = backup.tenants.filter(({ merged }) => (merged?.lacking ?? 0) > 0);
  for (const { tenant, merged } of lacking) {
    terminal.note(
      `${tenant}: Weaviate lacks ${merged?.lacking} documents or chunks that are merged; ` +
        "see ops/runbooks/cold-lost-data.md\n",
    );
  }
  for (const { tenant, fault } of backup.tenants) {
    if (fault !== undefined) terminal.note(`${tenant} is in it as far as it goes: ${fault}\n`);
  }
  if (others.length > 0) {
    terminal.note(`not in it, streams of others: ${others.map(printable).join(", ")}\n`);
  }
  if (json) {
    const { parts, reused } = written;
    const counts = { parts, reused_parts: reused, written_bytes: writtenBytes };
    terminal.out(`${JSON.stringify({ ...shownBackup(backup), ...counts })}\n`);
    return;
  }
  terminal.out(
    `${backup.id}: up to sequence ${backup.seq}, ${backup.tenants.length} tenants, ` +
      `${mebibytes(writtenBytes)} written, ${written.reused} of ${written.parts} parts were there\n`,
  );
}

function shownBackup(backup: Backup) {
  const { id, createdAt, seq, deployment, versions, streams, tenants } = backup;
  return {
    ...{ id, created_at: createdAt, seq, deployment, freshet: versions.freshet },
    bytes: streams.reduce((sum, { bytes }) => sum + bytes, 0),
    objects: tenants.reduce((sum, { merged }) => sum + (merged?.objects ?? 0), 0),
    tenants: tenants.map(({ tenant, seq: end, merged, fault = null }) => ({
      ...{ tenant, seq: end, fault },
      ...{ merged_documents: merged?.documents ?? 0, lacking: merged?.lacking ?? 0 },
    })),
  };
}

async function restore(
  { place, id }: Named,
  options: RestoreOptions,
  terminal: Terminal,
): Promise<void> {
  const store = await storeAt(place, terminal);
  const backup = await readIndex(store, await chosenId(store, id));
  const [{ openObjects, openStreams }, { restoreBackup }] = await Promise.all([
    import("../../compose/backup.ts"),
    import("../backup/restore.ts"),
  ]);
  const site = siteOf(options, terminal);
  const { copies, audit } = await openStreams(site);
  try {
    const { dimensions } = backup;
    const { outcome, deployment, models } = await restoreBackup(backup, {
      ...{ copies, parts: new Parts(store), where: site.nats, nowMs, signal: terminal.signal },
      objectsOf: (of) => openObjects(site, { deployment: of, dimensions }),
      ...{ progress: progressOn(terminal.note, nowMs), random: Math.random },
      gap: options.sequenceGap,
    });
    // The trail is what was restored: its chain goes on with this.
    const addresses = resolveAddresses(options, terminal.env);
    await writeDown({ operation: "backup_restore" }, { addresses, terminal, audit });
    if (options.json === true) {
      terminal.out(`${JSON.stringify({ outcome, ...shownBackup(backup), deployment, models })}\n`);
      return;
    }
    const { seq, tenants, createdAt } = backup;
    terminal.out(`${backup.id} is restored: ${tenants.length} tenants up to sequence ${seq}\n`);
    if (models.length > 0) {
      const way = "install them first: ops/node node ops/setup/main.ts --model <name>";
      terminal.note(
        `tenants are embedded by ${models.join(", ")}, which no backup holds; ${way}\n`,
      );
    }
    terminal.note(`start the engines; publish again what came after ${createdAt}\n`);
  } finally {
    await copies.close();
  }
}

async function verify(
  { place, id }: Named,
  { json }: BackupOptions,
  terminal: Terminal,
): Promise<void> {
  const store = await storeAt(place, terminal);
  const backup = await readIndex(store, await chosenId(store, id));
  const { verifyBackup } = await import("../backup/verify.ts");
  const parts = new Parts(store);
  const progress = progressOn(terminal.note, nowMs);
  const report = await verifyBackup(backup, { parts, progress, signal: terminal.signal });
  const { faults, ...counts } = report;
  if (json === true) terminal.out(`${JSON.stringify({ ok: faults.length === 0, ...report })}\n`);
  else terminal.out(`${reportLines(counts, faults).map(printable).join("\n")}\n`);
  if (faults.length > 0) throw new CliError(`backup ${backup.id} is not whole`);
}

function reportLines(counts: Omit<Report, "faults">, faults: readonly string[]): readonly string[] {
  const { id, seq, messages, objects, tenants } = counts;
  if (faults.length > 0) return faults;
  return [
    `${id} is whole: ${tenants} tenants up to sequence ${seq}, ` +
      `${messages} messages, ${objects} objects`,
  ];
}

async function list(place: string, { json }: BackupOptions, terminal: Terminal): Promise<void> {
  const store = await storeAt(place, terminal);
  await chosenId(store, "-");
  const ids = (await backupIds(store)).slice(0, limits.backupListMax);
  const backups: ReturnType<typeof shownBackup>[] = [];
  for (const id of ids) {
    terminal.signal.throwIfAborted();
    try {
      backups.push(shownBackup(await readIndex(store, id)));
    } catch (thrown) {
      // One that is damaged hides none of the others.
      terminal.note(`${thrown instanceof Error ? thrown.message : String(thrown)}\n`);
    }
  }
  if (json === true) {
    terminal.out(`${JSON.stringify({ backups })}\n`);
    return;
  }
  const rows = backups.map(({ id, created_at, seq, tenants, bytes, objects }) => ({
    ...{ id, at: created_at, seq: String(seq), tenants: String(tenants.length) },
    ...{ MiB: (bytes / MiB).toFixed(1), objects: String(objects) },
  }));
  const lines = rows.length === 0 ? ["no backups were completed"] : table(rows);
  terminal.out(`${lines.map(printable).join("\n")}\n`);
}
