/** Which streams of a NATS are in a backup, and how one becomes parts and comes back. */

import type { BackupStream, CopiedMessage } from "../../contract/backup.ts";
import { limits } from "../../contract/limits.ts";
import type { StreamCopy } from "../../log/backup-port.ts";
import { ArchiveReader } from "../../log/wire/archive.ts";
import { CliError } from "../exit.ts";
import type { Parts } from "./store.ts";

export const manifestsName = "KV_freshet_manifests";
export const headsName = "HEADS";
export const docsName = "DOCS";
export const chunksName = "CHUNKS";
const deadLettersName = "DLQ";

/**
 * In this order, and CHUNKS, dead letters and DOCS after what cold holds: each names what the later
 * ones hold, so that nothing in a backup points above its end.
 */
export const firstStreams = [
  manifestsName,
  "KV_freshet_sources",
  "freshet_source_letters",
  "KV_freshet_webhooks",
  "FEEDBACK",
  "AUDIT",
] as const;
export const lastStreams = [chunksName, deadLettersName, docsName] as const;

/** Made anew: leases name processes, and heads come back from the manifests' own pieces. */
const remadeStreams = ["KV_freshet_leases", headsName] as const;

export const logStreams: readonly string[] = [...firstStreams, ...lastStreams, ...remadeStreams];

type OnMessage = (message: CopiedMessage) => void;

export interface Keeping {
  readonly parts: Parts;
  readonly signal: AbortSignal;
  readonly onMessage?: OnMessage | undefined;
  readonly onPart?: ((bytes: number) => void) | undefined;
}

export async function keepStream(copy: StreamCopy, keeping: Keeping): Promise<BackupStream> {
  const { parts, signal, onMessage, onPart } = keeping;
  const { name, config, firstSeq, lastSeq } = copy;
  const kept: BackupStream["parts"] = [];
  let open: Uint8Array[] = [];
  let openBytes = 0;
  let messages = 0;
  let bytes = 0;
  const close = async (): Promise<void> => {
    if (open.length === 0) return;
    kept.push(await parts.write(Buffer.concat(open), open.length));
    onPart?.(openBytes);
    [open, openBytes] = [[], 0];
  };
  for await (const message of copy.content) {
    signal.throwIfAborted();
    onMessage?.(message);
    messages += 1;
    bytes += message.raw.length;
    open.push(message.raw);
    openBytes += message.raw.length;
    if (endsPart(message.seq) || openBytes >= limits.backupPartBytesMax) await close();
  }
  await close();
  return { name, config, firstSeq, lastSeq, messages, bytes, parts: kept };
}

/** By the sequence alone: the same messages make the same parts next time. */
function endsPart(seq: number): boolean {
  return (Math.imul(seq % 2 ** 32, 0x9e3779b1) >>> 0) % limits.backupPartMessages === 0;
}

/** @throws CliError: a part is missing or damaged, or its messages are not in order */
export async function* storedMessages(
  stream: BackupStream,
  parts: Parts,
): AsyncGenerator<readonly CopiedMessage[]> {
  let last = stream.firstSeq - 1;
  let messages = 0;
  for await (const { bytes, count, hash } of readAhead(stream, parts)) {
    const reader = new ArchiveReader(true);
    const found = reader.push(bytes);
    const isOrdered = found.every(({ seq }) => {
      const isNext = seq > last && seq <= stream.lastSeq;
      last = seq;
      return isNext;
    });
    if (!isOrdered || found.length !== count || !reader.isAtEnd) {
      throw new CliError(`part ${hash} of stream ${stream.name} does not hold what it should`);
    }
    messages += count;
    yield found;
  }
  if (messages !== stream.messages) {
    throw new CliError(`stream ${stream.name} has ${messages} messages of ${stream.messages}`);
  }
}

/** The next part is fetched while one is in use: nats-server waits five seconds at most. */
async function* readAhead(stream: BackupStream, parts: Parts) {
  const read = async (at: number) => {
    const part = stream.parts[at];
    return part === undefined ? undefined : { ...part, bytes: await parts.read(part) };
  };
  let next = read(0);
  for (let at = 1; ; at += 1) {
    const found = await next;
    if (found === undefined) return;
    next = read(at);
    // Who stops reading does not wait for it; who reads on meets its failure above.
    next.catch(() => {});
    yield found;
  }
}
