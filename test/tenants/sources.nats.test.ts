/** A stream of others in the engine's account, read under the rights that its user was given. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect, nkeyAuthenticator, nkeys } from "nats";
import { expect, it } from "vitest";
import type { TenantId } from "../../src/contract/ids.ts";
import { NatsSourceStore } from "../../src/ingest/nats-source-store.ts";
import { NatsSourceStreams } from "../../src/ingest/nats-source-streams.ts";
import { TenantAccounts } from "../../src/tenants/accounts.ts";
import { testSource } from "../actors/source-kit.ts";
import { startPrivateNats } from "../support/private-nats.ts";

const encoder = new TextEncoder();

it("a source reads and acknowledges the stream that the engine was let read, and no other", async () => {
  await using stack = new AsyncDisposableStack();
  const folder = mkdtempSync(join(tmpdir(), "freshet-tenants-"));
  stack.defer(() => rmSync(folder, { recursive: true, force: true }));
  const accounts = new TenantAccounts({ folder, nowMs: Date.now });
  await accounts.create("acme" as TenantId);
  await accounts.renewEngine(["orders"]);
  // A user of the operator's own in the account of the engine: it has the streams of others.
  const owner = nkeys.createUser();
  const all = `{ publish: { allow: [">"] }, subscribe: { allow: [">"] } }`;
  const conf = (await accounts.conf("accounts")).replace(
    "users: [\n",
    `users: [\n    { nkey: ${owner.getPublicKey()}, permissions: ${all} }\n`,
  );
  const authenticator = nkeyAuthenticator(owner.getSeed());
  const nats = stack.use(await startPrivateNats({ accounts: conf, authenticator }));
  const admin = await connect({ servers: nats.url, authenticator });
  stack.defer(() => admin.close());
  const jsm = await admin.jetstreamManager();
  for (const name of ["orders", "others"]) {
    await jsm.streams.add({ name, subjects: [`${name}.>`] });
    await admin.jetstream().publish(`${name}.1`, '{"id":"1"}');
  }
  const seed = readFileSync(join(folder, "creds", "engine.nk"), "utf8").trim();
  const engine = await connect({
    servers: nats.url,
    authenticator: nkeyAuthenticator(encoder.encode(seed)),
  });
  stack.defer(() => engine.close());
  const options = { connection: engine, replicas: 1 };
  const streams = new NatsSourceStreams(options);
  const source = testSource({ input: { kind: "stream", stream: "orders", start: "all" } });
  const store = new NatsSourceStore(options);
  await store.add(source);
  await streams.create(source);
  const signal = AbortSignal.timeout(30_000);
  const reading = await streams.open(source, signal);
  const [delivery] = await reading.next(signal);
  delivery?.ack();
  await reading.flush();
  await reading.close();
  const progress = await streams.progress(source);
  expect(progress).toMatchObject({ lag: 0 });
  const other = testSource({
    name: "b",
    input: { kind: "stream", stream: "others", start: "all" },
  });
  await expect(streams.create(other)).rejects.toThrow();
  await streams.forget(source);
  expect(await store.remove(source.name)).toBe(true);
});
