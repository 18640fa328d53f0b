import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { checkStore } from "../../../src/cli/backup/index-file.ts";
import { explainS3 } from "../../../src/cli/backup/s3-fault.ts";
import { S3Store } from "../../../src/cli/backup/s3-store.ts";
import { Parts } from "../../../src/cli/backup/store.ts";

const files = new Map<string, Buffer>();
let failuresLeft = 0;
let failure = 503;

/** What S3 says of a bucket in its path: objects, and a list of those below a prefix. */
async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { pathname, searchParams } = new URL(request.url ?? "/", "http://s3");
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  if (failuresLeft > 0) {
    failuresLeft -= 1;
    response.writeHead(failure).end();
    return;
  }
  const isSigned = /^AWS4-HMAC-SHA256 Credential=key\//.test(request.headers.authorization ?? "");
  if (!isSigned) return void response.writeHead(403).end();
  if (!pathname.startsWith("/bucket")) return void refuse(response, 404, "NoSuchBucket");
  const key = decodeURIComponent(pathname.replace(/^\/bucket\/?/, ""));
  if (request.method === "PUT") {
    files.set(key, Buffer.concat(chunks));
    return void response.writeHead(200, { etag: '"e"' }).end();
  }
  if (searchParams.has("list-type")) {
    const prefix = searchParams.get("prefix") ?? "";
    const found = [...files.keys()].filter((name) => name.startsWith(prefix));
    const contents = found.map((name) => `<Contents><Key>${name}</Key><Size>1</Size></Contents>`);
    const body = `<ListBucketResult><KeyCount>${found.length}</KeyCount>${contents.join("")}<IsTruncated>false</IsTruncated></ListBucketResult>`;
    return void response.writeHead(200, { "content-type": "application/xml" }).end(body);
  }
  const file = files.get(key);
  if (file === undefined) return void response.writeHead(404).end();
  response.writeHead(200, { "content-length": file.length });
  response.end(request.method === "HEAD" ? undefined : file);
}

function refuse(response: ServerResponse, status: number, code: string): void {
  const body = `<Error><Code>${code}</Code><Message>no</Message></Error>`;
  response.writeHead(status, { "content-type": "application/xml" }).end(body);
}

const server = createServer((request, response) => void answer(request, response));
const env = (): Record<string, string> => ({
  ...{ AWS_ACCESS_KEY_ID: "key", AWS_SECRET_ACCESS_KEY: "secret" },
  AWS_ENDPOINT_URL_S3: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
});

beforeAll(() => new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve)));
afterAll(() => new Promise<void>((resolve) => void server.close(() => resolve())));
beforeEach(() => files.clear());

it("parts go below the prefix, are found again, and come back as they were", async () => {
  const store = new S3Store("s3://bucket/nightly/", env());
  const parts = new Parts(store);
  const bytes = crypto.getRandomValues(new Uint8Array(5_000));
  const part = await parts.write(bytes, 3);
  expect([...files.keys()]).toEqual([`nightly/parts/${part.hash.slice(0, 2)}/${part.hash}.zst`]);
  await parts.write(bytes, 3);
  expect(parts.written).toMatchObject({ parts: 2, reused: 1 });
  expect(await parts.read(part)).toEqual(Buffer.from(bytes));
  await store.put("backups/a.json.gz", bytes);
  expect(await store.list("backups")).toEqual(["backups/a.json.gz"]);
  expect(await store.get("backups/b.json.gz")).toBeNull();
});

it("a store that is away for a moment is asked again; one that refuses is not", async () => {
  const said: string[] = [];
  const store = new S3Store("s3://bucket", env(), (what) => void said.push(what));
  failuresLeft = 1;
  await store.put("a", new Uint8Array([1]));
  expect(said).toEqual([expect.stringMatching(/fails \(503\).*tried again/)]);
  expect(files.has("a")).toBe(true);
  failure = 403;
  failuresLeft = 1;
  await expect(store.put("b", new Uint8Array([1]))).rejects.toThrow(/^s3:\/\/bucket: .*403/);
  expect(files.has("b")).toBe(false);
});

it("a place or an environment that is not complete is named", () => {
  expect(() => new S3Store("s3://", env())).toThrow(/s3:\/\/bucket\/prefix/);
  expect(() => new S3Store("s3://bucket", {})).toThrow(/AWS_ACCESS_KEY_ID/);
  expect(() => new S3Store("s3://bucket", { ...env(), AWS_SESSION_TOKEN: "t" })).toThrow(/key/);
  const endpoint = { ...env(), AWS_ENDPOINT_URL_S3: "no address" };
  expect(() => new S3Store("s3://bucket", endpoint)).toThrow(/AWS_ENDPOINT_URL_S3/);
});

it("a key, a bucket or an address that is wrong is named, and what to do", async () => {
  const bytes = new Uint8Array([1]);
  const stranger = { ...env(), AWS_ACCESS_KEY_ID: "another" };
  const noRight = /^s3:\/\/bucket: the store refuses the key \(403\): AWS_ACCESS_KEY_ID .* rights/;
  const refused = new S3Store("s3://bucket", stranger);
  await expect(refused.get("a")).rejects.toThrow(noRight);
  await expect(refused.has("a")).rejects.toThrow(noRight);
  await expect(refused.put("a", bytes)).rejects.toThrow(noRight);
  await expect(refused.list("")).rejects.toThrow(noRight);

  const absent = new S3Store("s3://other/nightly", env());
  const noBucket =
    /^s3:\/\/other\/nightly: there is no bucket other at http.*make it, or name another$/;
  await expect(checkStore(absent)).rejects.toThrow(noBucket);
  await expect(absent.put("a", bytes)).rejects.toThrow(noBucket);
});

it.each([
  ["a connection that is refused", { code: "ECONNREFUSED" }, /\(connection refused\): does it run/],
  ["a name that is not known", { code: "ENOTFOUND" }, /name is not known\).*AWS_ENDPOINT_URL_S3/],
  ["an unknown CA", { code: "DEPTH_ZERO_SELF_SIGNED_CERT" }, /NODE_EXTRA_CA_CERTS/],
  ["plain text where TLS is meant", { code: "ERR_SSL_WRONG_VERSION_NUMBER" }, /http:\/\/ is for/],
  ["a store that is silent", { name: "TimeoutError" }, /does not answer in time/],
  ["a bucket elsewhere", { status: 301, code: "PermanentRedirect" }, /AWS_REGION \(eu-north-1\)/],
  ["a clock that is wrong", { status: 403, code: "RequestTimeTooSkewed" }, /clock of this machine/],
  ["a store that fails", { status: 500, code: "InternalError" }, /fails \(500, InternalError\)/],
])("%s is told in words", (_, told, words) => {
  const thrown = new TypeError("fetch failed", { cause: Object.assign(new Error("no"), told) });
  const place = { endpoint: "http://s3", bucket: "b", region: "eu-north-1" };
  const found = "name" in told ? (thrown.cause as Error) : thrown;
  expect(explainS3(found, place)).toMatch(words);
});
