/**
 * Streams through the snapshot and restore requests of nats-server (2.15 or later, whose archive
 * names each message with its sequence and time).
 *
 *   NZ1  what the server sends is taken at once, up to a bound, because it gives up after five
 *        seconds in which nothing was taken, and the store may be slow;
 *   NZ2  a copy ends with the archive's own end: one that was cut off is an error.
 */

import { type Msg, type NatsConnection, NatsError } from "nats";
import type { CopiedMessage, CopiedState } from "../../contract/backup.ts";
import { FreshetError } from "../../contract/errors.ts";
import { limits } from "../../contract/limits.ts";
import { restoreStream } from "../../contract/own-streams.ts";
import type { StreamCopies, StreamCopy, StreamHead, StreamToWrite } from "../backup-port.ts";
import { ArchiveReader, archiveEnd, archiveHead, stateEntry } from "../wire/archive.ts";
import { S2Decoder, s2Frames } from "../wire/s2.ts";
import type { NatsContext } from "./connection.ts";
import { apiCode, jetStream, logError } from "./errors.ts";

/** Where a restore that is under way answers. Not below the mark's subject, which a stream has. */
const restoreAlive = "freshet.restore.alive";

interface ApiReply {
  readonly error?: { readonly code: number; readonly err_code?: number; description?: string };
  readonly config?: Readonly<Record<string, unknown>>;
  readonly state?: Readonly<Record<string, unknown>>;
  readonly deliver_subject?: string;
}

export class NatsStreamCopies implements StreamCopies {
  readonly #context: NatsContext;
  readonly version: string;

  constructor(context: NatsContext) {
    this.#context = context;
    this.version = context.connection.info?.version ?? "unknown";
  }

  async names(): Promise<readonly string[]> {
    try {
      const names: string[] = [];
      for await (const name of this.#context.jsm.streams.names()) names.push(name);
      return names.sort();
    } catch (thrown) {
      throw logError(thrown);
    }
  }

  async describe(name: string): Promise<StreamHead | null> {
    const info = await this.#info(name);
    if (info === null) return null;
    const config = info.config as unknown as StreamHead["config"];
    return { name, config, ...stateIn(info.state as unknown as Record<string, unknown>) };
  }

  async read(name: string): Promise<StreamCopy | null> {
    if ((await this.#info(name)) === null) return null;
    const { connection } = this.#context;
    const incoming = new Incoming(connection, name);
    try {
      const reply = await call(connection, `STREAM.SNAPSHOT.${name}`, {
        ...{ deliver_subject: incoming.subject, no_consumers: true },
        chunk_size: limits.backupChunkBytes,
      });
      const { config = {}, state = {} } = reply;
      return { name, config, content: messagesOf(incoming), ...stateIn(state) };
    } catch (thrown) {
      incoming.close();
      throw thrown;
    }
  }

  async write({ config, entries, ...state }: StreamToWrite): Promise<void> {
    const { connection } = this.#context;
    const name = String(config["name"]);
    const copies = connection.info?.cluster === undefined ? { num_replicas: 1 } : {};
    const subject = await this.#begin(name, { ...config, ...copies });
    const send = async (bytes: Uint8Array): Promise<void> => {
      refuseAnswer(await request(connection, subject, bytes), name);
    };
    let waiting: Buffer[] = [...s2Frames(archiveHead(state), true)];
    let waitingBytes = 0;
    for await (const entry of entries) {
      for (const frame of s2Frames(entry, false)) {
        waiting.push(frame);
        waitingBytes += frame.length;
        if (waitingBytes < limits.backupChunkBytes) continue;
        await send(Buffer.concat(waiting));
        [waiting, waitingBytes] = [[], 0];
      }
    }
    await send(Buffer.concat([...waiting, ...s2Frames(archiveEnd, false)]));
    await send(Buffer.alloc(0));
  }

  /**
   * Where the archive is sent. A transfer that was cut off holds its stream's name until the server
   * has noticed, some seconds later.
   */
  async #begin(name: string, config: StreamToWrite["config"]): Promise<string> {
    const { connection, clock } = this.#context;
    for (let attempt = 1; ; attempt += 1) {
      try {
        const request = { config, state: {} };
        return (await call(connection, `STREAM.RESTORE.${name}`, request)).deliver_subject ?? "";
      } catch (thrown) {
        const isTaken = thrown instanceof FreshetError && /in use/.test(thrown.message);
        if (!isTaken || attempt === limits.backupRestoreAttemptsMax) throw thrown;
        if ((await this.#info(name)) !== null) throw thrown;
      }
      await clock.sleep(limits.backupRestorePauseMs);
    }
  }

  async remove(name: string): Promise<void> {
    try {
      await this.#context.jsm.streams.delete(name);
    } catch (thrown) {
      if (apiCode(thrown) !== jetStream.streamNotFound) throw logError(thrown);
    }
  }

  async enginesThere(): Promise<number> {
    return (await this.#repliesOf("$SRV.PING.freshet")).length;
  }

  async otherRestores(): Promise<number> {
    const { connection } = this.#context;
    const own = crypto.randomUUID();
    // Heard of for as long as the process lives: what is left of a killed one is its mark.
    connection.subscribe(restoreAlive, {
      callback: (error, message) => {
        if (error === null) message.respond(own);
      },
    });
    const replies = await this.#repliesOf(restoreAlive);
    return replies.filter((reply) => reply !== own).length;
  }

  /** The stream holds nothing; its description says what is restored. */
  async restoring(): Promise<string | null> {
    return (await this.#info(restoreStream))?.config.description ?? null;
  }

  async setRestoring(id: string | null): Promise<void> {
    if (id === null) return this.remove(restoreStream);
    const { streams } = this.#context.jsm;
    try {
      if ((await this.#info(restoreStream)) !== null) {
        await streams.update(restoreStream, { description: id });
        return;
      }
      const subjects = ["freshet.restore"];
      const bounds = { max_msgs: 1, max_bytes: limits.backupChunkBytes };
      await streams.add({ name: restoreStream, subjects, description: id, ...bounds });
    } catch (thrown) {
      throw logError(thrown);
    }
  }

  close(): Promise<void> {
    return this.#context.connection.close();
  }

  /** Of all that answer there within a moment; empty ones are none. */
  async #repliesOf(subject: string): Promise<readonly string[]> {
    const { connection } = this.#context;
    try {
      const replies: string[] = [];
      const options = { maxWait: limits.backupEngineLookMs, maxMessages: 100 };
      for await (const reply of await connection.requestMany(subject, "", options)) {
        if (!(reply instanceof Error) && reply.data.length > 0) replies.push(reply.string());
      }
      return replies;
    } catch (thrown) {
      // No responders: the best that a restore can hear.
      if (thrown instanceof NatsError && thrown.code === "503") return [];
      throw logError(thrown);
    }
  }

  async #info(name: string) {
    try {
      return await this.#context.jsm.streams.info(name);
    } catch (thrown) {
      if (apiCode(thrown) === jetStream.streamNotFound) return null;
      throw logError(thrown);
    }
  }
}

function stateIn(state: Readonly<Record<string, unknown>>): CopiedState {
  return {
    messages: Number(state["messages"]),
    bytes: Number(state["bytes"]),
    firstSeq: Number(state["first_seq"]),
    lastSeq: Number(state["last_seq"]),
  };
}

async function* messagesOf(incoming: Incoming): AsyncGenerator<CopiedMessage> {
  const frames = new S2Decoder();
  const archive = new ArchiveReader();
  let hasEnded = false;
  try {
    for await (const bytes of incoming.chunks()) {
      for (const block of frames.push(bytes)) {
        for (const entry of archive.push(block)) {
          if (entry.subject === "") hasEnded = true;
          else if (entry.seq > 0) yield entry;
          else if (entry.subject !== stateEntry)
            throw cutOff(incoming.stream, "what is no message");
        }
      }
    }
    if (!hasEnded) throw cutOff(incoming.stream, "it ended early");
  } finally {
    incoming.close();
  }
}

const cutOff = (stream: string, why: string): FreshetError =>
  new FreshetError("log_unavailable", `the copy of stream ${stream} is not whole: ${why}`);

/** NZ1. Chunks of one copy; each is answered, which asks for another one. */
class Incoming {
  readonly subject: string;
  readonly stream: string;
  readonly #subscription: { unsubscribe(): void };
  #waiting: Msg[] = [];
  #unanswered: Msg[] = [];
  #bytes = 0;
  #end: FreshetError | "whole" | undefined;
  #wake: () => void = () => {};

  constructor(connection: NatsConnection, stream: string) {
    this.stream = stream;
    this.subject = `_INBOX.${crypto.randomUUID().replaceAll("-", "")}`;
    this.#subscription = connection.subscribe(this.subject, {
      callback: (error, message) => {
        if (error === null) this.#take(message);
        else this.#end ??= logError(error);
        this.#wake();
      },
    });
  }

  async *chunks(): AsyncGenerator<Uint8Array> {
    for (;;) {
      const message = this.#waiting.shift();
      if (message !== undefined) {
        this.#bytes -= message.data.length;
        if (this.#bytes < limits.backupQueueBytesMax) {
          for (const each of this.#unanswered.splice(0)) each.respond();
        }
        yield message.data;
        continue;
      }
      if (this.#end === "whole") return;
      if (this.#end !== undefined) throw this.#end;
      await this.#something();
    }
  }

  close(): void {
    this.#subscription.unsubscribe();
  }

  #take(message: Msg): void {
    if (message.data.length === 0) {
      const { code = 0, description = "" } = message.headers ?? {};
      this.#end ??= code >= 400 ? cutOff(this.stream, `${code} ${description}`) : "whole";
      return;
    }
    this.#waiting.push(message);
    this.#bytes += message.data.length;
    if (this.#bytes < limits.backupQueueBytesMax) message.respond();
    else this.#unanswered.push(message);
  }

  /** @throws FreshetError log_unavailable when nothing comes */
  async #something(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      timer = setTimeout(() => {
        this.#end ??= cutOff(this.stream, "nats-server sends nothing more");
        resolve();
      }, limits.backupAnswerMs);
    });
    clearTimeout(timer);
  }
}

async function request(
  connection: NatsConnection,
  subject: string,
  payload: Uint8Array,
): Promise<Uint8Array> {
  try {
    return (await connection.request(subject, payload, { timeout: limits.backupAnswerMs })).data;
  } catch (thrown) {
    throw logError(thrown);
  }
}

async function call(connection: NatsConnection, what: string, payload: object): Promise<ApiReply> {
  const bytes = new TextEncoder().encode(JSON.stringify(payload));
  const answer = await request(connection, `$JS.API.${what}`, bytes);
  refuseAnswer(answer, what.slice(what.lastIndexOf(".") + 1));
  return JSON.parse(new TextDecoder().decode(answer)) as ApiReply;
}

/** An answer to a chunk is empty while all is well. */
function refuseAnswer(answer: Uint8Array, stream: string): void {
  if (answer.length === 0) return;
  const { error } = JSON.parse(new TextDecoder().decode(answer)) as ApiReply;
  if (error === undefined) return;
  const { err_code, description = "" } = error;
  const said = `stream ${stream}: nats-server says: ${description}`;
  if (/insufficient|resources|exceeded|no suitable peers/i.test(description)) {
    const advice = `${said}; give JetStream more room (max_file_store)`;
    throw new FreshetError("overloaded", advice, { details: { err_code } });
  }
  throw new FreshetError("log_unavailable", said, { details: { err_code } });
}
