/** What `freshet ingest` may be told, and which of it goes together. */

import { type Command, InvalidArgumentError } from "commander";
import { documentIdBytesMax } from "../../contract/ids.ts";
import { isPlainName } from "../../contract/well-formed.ts";
import { usageError } from "../exit.ts";
import type { DeleteMax } from "../ingest/mirror.ts";
import { type CommonOptions, withCommon, withEngine } from "../options.ts";

export interface IngestFlags extends CommonOptions {
  readonly nats?: string | undefined;
  readonly url?: string | undefined;
  readonly force?: true | undefined;
  readonly wait: boolean;
  readonly prefix?: string | undefined;
  readonly include?: readonly string[] | undefined;
  readonly exclude?: readonly string[] | undefined;
  readonly ignoreFiles: boolean;
  readonly followLinks?: true | undefined;
  readonly mirror?: true | undefined;
  readonly dryRun?: true | undefined;
  readonly yes?: true | undefined;
  readonly deleteMax?: DeleteMax | undefined;
  readonly watch?: true | undefined;
}

export function withIngestOptions(command: Command): Command {
  const optioned = command
    .argument("<paths...>", "files and folders, or - for NDJSON on standard input")
    .option("--force", "send unchanged content again")
    .option("--no-wait", "do not wait until everything is visible")
    .option("--prefix <text>", "in front of the ids of files, such as docs/", prefixValue)
    .option("--include <glob>", "only files that match; repeat for more", collected)
    .option("--exclude <glob>", "no files or folders that match; repeat for more", collected)
    .option("--no-ignore-files", "read what .gitignore and .freshetignore leave out")
    .option("--follow-links", "follow symbolic links, each target once")
    .option("--mirror", "also delete documents whose files are gone")
    .option("--dry-run", "say what would be published and deleted, and do nothing")
    .option("--delete-max <n>", "documents, or n% of them, that a mirror deletes", deleteMaxValue)
    .option("--yes", "delete as many as it takes, whoever published them")
    .option("--watch", "stay, and follow every change of the files")
    .option("--nats <url>", "address of NATS");
  return withCommon(withEngine(optioned), [
    "freshet ingest docs/",
    "freshet ingest handbook.md faq.html --tenant acme",
    "freshet ingest docs/ --mirror --prefix docs/ --dry-run",
    "freshet ingest notes/ --mirror --watch --exclude 'drafts/**'",
    `echo '{"id": "a", "text": "a document"}' | freshet ingest -`,
  ]).addHelpText("after", ids);
}

const ids = `
The id of a file is its path below the folder that was given; with several folders
the name of the folder stands in front. A mirror stands for the ids with --prefix,
else for all of the tenant. Files that cannot be read are counted by reason and do
not change the exit code; a mirror that refuses to delete ends with 1.`;

/** @throws CliError usage */
export function checkIngest(paths: readonly string[], flags: IngestFlags): void {
  if (paths.includes("-")) {
    if (paths.length > 1) throw usageError("- stands alone: standard input or paths, not both");
    if (flags.mirror === true || flags.watch === true) {
      throw usageError("--mirror and --watch need files: standard input may end early");
    }
  }
  if (flags.watch === true && flags.dryRun === true) {
    throw usageError("--watch does, --dry-run does nothing: one of them");
  }
  if (flags.watch === true && flags.force === true) {
    throw usageError("--force with --watch would send everything again and again: one of them");
  }
  if (flags.mirror === true) return;
  if (flags.yes === true || flags.deleteMax !== undefined) {
    throw usageError("--yes and --delete-max are about what --mirror deletes");
  }
}

function collected(value: string, before: readonly string[] = []): readonly string[] {
  if (value.trim() === "") throw new InvalidArgumentError("a glob, such as '*.md' or 'drafts/**'");
  return [...before, value];
}

function prefixValue(value: string): string {
  if (isPlainName(value) && Buffer.byteLength(value) < documentIdBytesMax) return value;
  throw new InvalidArgumentError("the beginning of document ids: no control characters");
}

function deleteMaxValue(value: string): DeleteMax {
  const [, digits = "", percent] = /^(\d{1,9})(%?)$/.exec(value) ?? [];
  if (digits === "" || (percent === "%" && Number(digits) > 100)) {
    throw new InvalidArgumentError("a number of documents, or a share such as 25%");
  }
  const number = Number(digits);
  return percent === "%"
    ? { kind: "percent", share: number }
    : { kind: "documents", count: number };
}
