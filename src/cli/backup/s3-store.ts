/**
 * Backups in an S3-like store, `s3://bucket/prefix`. Credentials and address have the names that
 * AWS's own tools give them. A put there is whole or not at all (BS1).
 */

import { setTimeout as sleep } from "node:timers/promises";
import { S3mini } from "s3mini";
import { limits } from "../../contract/limits.ts";
import { withoutEnd } from "../../contract/without-end.ts";
import { CliError, usageError } from "../exit.ts";
import { explainS3, isRefusal, NoBucket, type S3Place } from "./s3-fault.ts";
import type { BackupStore } from "./store.ts";

type Environment = Readonly<Record<string, string | undefined>>;

const attemptsMax = 4;
const pauseMs = 500;

const silent = { info() {}, warn() {}, error() {} };

export class S3Store implements BackupStore {
  readonly where: string;
  readonly #client: S3mini;
  readonly #prefix: string;
  readonly #place: S3Place;
  readonly #say: (what: string) => void;

  /**
   * @param say what is tried again: a store that is silent costs minutes
   * @throws CliError usage: the place or the environment is not complete
   */
  constructor(place: string, env: Environment, say: (what: string) => void = () => {}) {
    const [, bucket = "", prefix = ""] = /^s3:\/\/([^/]+)(?:\/(.*))?$/s.exec(place) ?? [];
    if (!/^[a-z0-9][a-z0-9.-]{1,62}$/.test(bucket)) {
      throw usageError(`${place}: a place in S3 is s3://bucket or s3://bucket/prefix`);
    }
    this.where = withoutEnd(place, "/");
    this.#say = say;
    this.#prefix = prefix === "" ? "" : `${withoutEnd(prefix, "/")}/`;
    const { endpoint, ...access } = accessIn(env);
    this.#place = { endpoint, bucket, region: access.region };
    this.#client = new S3mini({ ...access, endpoint: `${endpoint}/${bucket}`, logger: silent });
  }

  async has(name: string): Promise<boolean> {
    return (await this.#tried(() => this.#client.objectExists(this.#key(name)))) === true;
  }

  async put(name: string, bytes: Uint8Array): Promise<void> {
    await this.#tried(() => this.#client.putObject(this.#key(name), bytes));
  }

  async get(name: string): Promise<Uint8Array | null> {
    const bytes = await this.#tried(() => this.#client.getObjectArrayBuffer(this.#key(name)));
    return bytes === null ? null : new Uint8Array(bytes);
  }

  async list(prefix: string): Promise<readonly string[]> {
    const below = this.#key(prefix === "" ? "" : `${prefix}/`);
    const found = await this.#tried(async () => {
      const listed = await this.#client.listObjects("/", below);
      // One that is empty has a list.
      if (listed === null) throw new NoBucket();
      return listed;
    });
    return found.map(({ Key }) => Key.slice(this.#prefix.length));
  }

  async freeBytes(): Promise<undefined> {
    return undefined;
  }

  /** An upload that was cut off is not there. */
  async tidy(): Promise<void> {}

  #key(name: string): string {
    return `${this.#prefix}${name}`;
  }

  /** What passes is tried again; the name of a part is its content, so twice is once. */
  async #tried<Value>(work: () => Promise<Value>): Promise<Value> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await work();
      } catch (cause) {
        const why = `${this.where}: ${explainS3(cause, this.#place)}`;
        if (attempt === attemptsMax || isRefusal(cause)) throw new CliError(why, { cause });
        this.#say(`${why} (it is tried again)`);
      }
      await sleep(pauseMs * 2 ** attempt);
    }
  }
}

function accessIn(env: Environment) {
  const { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey } = env;
  if (!accessKeyId || !secretAccessKey) {
    throw usageError("S3 takes AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY");
  }
  if (env["AWS_SESSION_TOKEN"]) {
    throw usageError("temporary credentials (AWS_SESSION_TOKEN) are not known here: use a key");
  }
  const region = env["AWS_REGION"] || env["AWS_DEFAULT_REGION"] || "us-east-1";
  const given = env["AWS_ENDPOINT_URL_S3"] || env["AWS_ENDPOINT_URL"];
  const endpoint = withoutEnd(given || `https://s3.${region}.amazonaws.com`, "/");
  if (!URL.canParse(endpoint)) throw usageError(`AWS_ENDPOINT_URL_S3: ${endpoint} is no address`);
  return {
    ...{ accessKeyId, secretAccessKey, region, endpoint },
    requestAbortTimeout: limits.backupStoreRequestMs,
  };
}
