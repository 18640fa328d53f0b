/**
 * Definitions and states of sources in a bucket of NATS (`nats kv ls freshet_sources`), their dead
 * letters in a stream beside it. Both are created when they are first used.
 */

import { DiscardPolicy, type JetStreamClient, type KV, RetentionPolicy, StorageType } from "nats";
import type { z } from "zod";
import { FreshetError } from "../contract/errors.ts";
import type { TenantId } from "../contract/ids.ts";
import { limits } from "../contract/limits.ts";
import {
  type SourceDefinition,
  type SourceLetter,
  type SourceState,
  sourceLetterSchema,
  sourceSchema,
  sourceStateSchema,
} from "../contract/source.ts";
import { inRoomThatIsLeft } from "../runtime/room.ts";
import { apiCode, isMessageGone, jetStream, sourceError } from "./nats-errors.ts";
import { readLetters } from "./nats-source-letters.ts";
import { NatsSourceStreams, type NatsSourcesOptions } from "./nats-source-streams.ts";
import { isStreamSource, type SourceStore } from "./sources/port.ts";
import { checkSourceRoom } from "./sources/start.ts";

const bucket = "freshet_sources";
const bucketStream = `KV_${bucket}`;
const lettersStream = "freshet_source_letters";
const letterSubjects = "freshet.source.letters";

export class NatsSourceStore implements SourceStore {
  readonly #options: NatsSourcesOptions;
  readonly #js: JetStreamClient;
  #kv: Promise<KV> | undefined;
  #letters: Promise<void> | undefined;

  constructor(options: NatsSourcesOptions) {
    this.#options = options;
    this.#js = options.connection.jetstream({ timeout: limits.publishAckMs });
  }

  async add(definition: SourceDefinition): Promise<void> {
    const { name } = definition;
    checkSourceRoom((await this.list()).length);
    try {
      await (await this.#bucket()).create(definitionKey(name), encode(definition));
    } catch (thrown) {
      if (apiCode(thrown) !== jetStream.wrongLastSequence) throw sourceError(thrown);
      const known = await this.get(name);
      // A repetition of the client's own, whose first attempt had landed.
      if (known?.generation === definition.generation) return;
      throw new FreshetError("invalid_request", `there is a source ${name} already`);
    }
  }

  get(name: string): Promise<SourceDefinition | null> {
    return this.#read(definitionKey(name), sourceSchema);
  }

  async list(): Promise<readonly SourceDefinition[]> {
    const found: SourceDefinition[] = [];
    for (const name of await this.#names()) {
      const definition = await this.get(name);
      if (definition?.name === name) found.push(definition);
    }
    return found;
  }

  async remove(name: string): Promise<boolean> {
    try {
      const kv = await this.#bucket();
      const entry = await kv.get(definitionKey(name));
      const isThere = entry !== null && entry.operation === "PUT";
      if (isThere) await this.#overwrite(kv, definitionKey(name));
      await this.#overwrite(kv, stateKey(name));
      return isThere;
    } catch (thrown) {
      throw sourceError(thrown);
    }
  }

  async *watch(signal: AbortSignal): AsyncGenerator<readonly SourceDefinition[]> {
    try {
      const kv = await this.#bucket();
      const changes = await kv.watch({ key: definitionKey("*"), headers_only: true });
      const stop = (): void => changes.stop();
      signal.addEventListener("abort", stop, { once: true });
      // Who left while the bucket was opened is not told any more.
      if (signal.aborted) stop();
      try {
        // Read before the first change and after each: what the change says is not needed.
        yield await this.list();
        for await (const _change of changes) {
          if (changes.getPending() > 1) continue;
          yield await this.list();
        }
      } finally {
        signal.removeEventListener("abort", stop);
        changes.stop();
      }
    } catch (thrown) {
      if (!signal.aborted) throw sourceError(thrown);
    }
  }

  async putState(name: string, state: SourceState): Promise<void> {
    try {
      await (await this.#bucket()).put(stateKey(name), encode(state));
    } catch (thrown) {
      throw sourceError(thrown);
    }
  }

  async state({ name, generation }: SourceDefinition): Promise<SourceState | null> {
    const state = await this.#read(stateKey(name), sourceStateSchema);
    return state?.generation === generation ? state : null;
  }

  async removeState(definition: SourceDefinition): Promise<void> {
    if ((await this.state(definition)) === null) return;
    try {
      await this.#overwrite(await this.#bucket(), stateKey(definition.name));
    } catch (thrown) {
      throw sourceError(thrown);
    }
  }

  async putLetter(letter: SourceLetter): Promise<void> {
    const { source, generation, sequence, delivery } = letter;
    const token = delivery === undefined ? String(sequence) : `d${hexOf(delivery)}`;
    try {
      await this.#letterStream();
      const subject = `${letterSubjects}.${source}.${generation}.${token}`;
      await this.#js.publish(subject, encode(letter));
    } catch (thrown) {
      throw sourceError(thrown);
    }
  }

  async letters({ name, generation }: SourceDefinition, max: number): Promise<SourceLetter[]> {
    const newest: SourceLetter[] = [];
    try {
      await this.#letterStream();
      const filter = `${letterSubjects}.${name}.${generation}.*`;
      for await (const { data } of readLetters(this.#js, { stream: lettersStream, filter })) {
        const letter = decode(sourceLetterSchema, data);
        if (letter !== null) newest.push(letter);
        if (newest.length > max) newest.shift();
      }
      return newest.reverse();
    } catch (thrown) {
      throw sourceError(thrown);
    }
  }

  async eraseTenant(tenant: TenantId): Promise<void> {
    const streams = new NatsSourceStreams(this.#options);
    for (const source of await this.#definitionsOf(tenant)) {
      await this.remove(source.name);
      // It names the tenant, and holds what others send. Who may not delete it leaves it to the
      // engine that reads it.
      if (isStreamSource(source)) await streams.forget(source).catch(() => {});
    }
    try {
      const jsm = await this.#js.jetstreamManager();
      for await (const { seq } of this.#lettersOf(tenant)) {
        // Overwritten, not only unlinked.
        await jsm.streams.deleteMessage(lettersStream, seq, true).catch(unlessGone);
      }
    } catch (thrown) {
      throw sourceError(thrown);
    }
  }

  async countOf(tenant: TenantId): Promise<number> {
    let count = (await this.#definitionsOf(tenant)).length;
    try {
      for await (const _letter of this.#lettersOf(tenant)) count += 1;
      return count;
    } catch (thrown) {
      throw sourceError(thrown);
    }
  }

  /** NE1: a purge alone would leave it in the files of the server. Its mark tells who watches. */
  async #overwrite(kv: KV, key: string): Promise<void> {
    const jsm = await this.#js.jetstreamManager();
    for (;;) {
      const entry = await kv.get(key);
      if (entry === null || entry.operation !== "PUT") break;
      await jsm.streams.deleteMessage(bucketStream, entry.revision, true).catch(unlessGone);
    }
    await kv.purge(key);
  }

  async #definitionsOf(tenant: TenantId): Promise<readonly SourceDefinition[]> {
    return (await this.list()).filter((definition) => definition.tenant === tenant);
  }

  /** The stream's bound is the work's: letters name their tenant in their body alone. */
  async *#lettersOf(tenant: TenantId): AsyncGenerator<{ readonly seq: number }> {
    await this.#letterStream();
    const all = { stream: lettersStream, filter: `${letterSubjects}.>` };
    for await (const { data, seq } of readLetters(this.#js, all)) {
      // Also one that is unreadable otherwise, from a newer version.
      if (decode(ownedSchema, data)?.tenant === tenant) yield { seq };
    }
  }

  /** From the leader: `keys()` of the bucket reads by a consumer, perhaps on an old copy. */
  async #names(): Promise<readonly string[]> {
    try {
      await this.#bucket();
      const jsm = await this.#js.jetstreamManager();
      const subjects = `$KV.${bucket}.${definitionKey("")}`;
      const { state } = await jsm.streams.info(bucketStream, { subjects_filter: `${subjects}*` });
      return Object.keys(state.subjects ?? {})
        .map((subject) => subject.slice(subjects.length))
        .sort();
    } catch (thrown) {
      throw sourceError(thrown);
    }
  }

  async #read<Value>(key: string, schema: z.ZodType<Value>): Promise<Value | null> {
    try {
      const entry = await (await this.#bucket()).get(key);
      if (entry === null || entry.operation !== "PUT") return null;
      return decode(schema, entry.value);
    } catch (thrown) {
      throw sourceError(thrown);
    }
  }

  /** Tried again by the next caller when it failed. */
  #bucket(): Promise<KV> {
    const { replicas } = this.#options;
    this.#kv ??= this.#openBucket(replicas).catch((thrown: unknown) => {
      this.#kv = undefined;
      throw thrown;
    });
    return this.#kv;
  }

  /** Read from the leader alone: a direct read is answered by any copy, also by one that is old. */
  async #openBucket(replicas: number): Promise<KV> {
    const open = (): Promise<KV> =>
      inRoomThatIsLeft(limits.sourceBucketBytesMax, (max_bytes) =>
        this.#js.views
          .kv(bucket, {
            ...{ history: 1, replicas, storage: StorageType.File, allow_direct: false },
            ...{ max_bytes, description: "Freshet: change streams" },
          })
          .catch(rethrown),
      );
    const kv = await open();
    const jsm = await this.#js.jetstreamManager();
    const { config } = await jsm.streams.info(bucketStream);
    if (!config.allow_direct) return kv;
    // One that was made before.
    await jsm.streams.update(bucketStream, { allow_direct: false });
    return open();
  }

  #letterStream(): Promise<void> {
    this.#letters ??= this.#createLetters().catch((thrown: unknown) => {
      this.#letters = undefined;
      throw thrown;
    });
    return this.#letters;
  }

  async #createLetters(): Promise<void> {
    const jsm = await this.#js.jetstreamManager();
    await jsm.streams.info(lettersStream).catch((thrown: unknown) => {
      if (apiCode(thrown) !== jetStream.streamNotFound) throw thrown;
      return inRoomThatIsLeft(limits.sourceLettersBytesMax, (max_bytes) =>
        jsm.streams
          .add({
            name: lettersStream,
            subjects: [`${letterSubjects}.>`],
            storage: StorageType.File,
            retention: RetentionPolicy.Limits,
            discard: DiscardPolicy.Old,
            max_msgs_per_subject: 1,
            max_bytes,
            num_replicas: this.#options.replicas,
          })
          .catch(rethrown),
      );
    });
  }
}

function rethrown(thrown: unknown): never {
  throw sourceError(thrown);
}

/** Somebody was faster: what took its place is looked at next. */
function unlessGone(thrown: unknown): void {
  if (!isMessageGone(thrown)) throw thrown;
}

const ownedSchema = sourceLetterSchema.pick({ tenant: true });

const definitionKey = (name: string): string => `source.${name}`;
const stateKey = (name: string): string => `state.${name}`;

const hexOf = (text: string): string => Buffer.from(text, "utf8").toString("hex").slice(0, 128);

const encode = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));

function decode<Value>(schema: z.ZodType<Value>, bytes: Uint8Array): Value | null {
  try {
    const result = schema.safeParse(JSON.parse(new TextDecoder().decode(bytes)));
    return result.success ? result.data : null;
  } catch {
    return null;
  }
}
