/** A source with a real engine, as an operator sets it up. */
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { DocumentId } from "../../src/contract/ids.ts";
import { freshTenant, openSite, type Site } from "../support/engine-process.ts";
import { httpClient } from "../support/http-service.ts";
import { eventually } from "../support/promises.ts";

const run = promisify(execFile);
const command = fileURLToPath(new URL("../../ops/freshet", import.meta.url));

let site: Site;
beforeAll(async () => {
  site = await openSite();
});
afterAll(() => site.close());

it("a stream's events become documents, also those that came while the engine was killed", async () => {
  const tenant = freshTenant("stream");
  const engine = await site.startEngine();
  const js = site.log.connection.jetstream();
  const manager = await js.jetstreamManager();
  await manager.streams.add({ name: "notes", subjects: ["notes.>"] });
  const freshet = (...args: string[]) =>
    run(command, ["source", ...args, "--nats", site.nats.url, "--tenant", tenant]);
  const expr = `{"id": body.id, "text": body.text}`;
  await freshet("add", "notes", "--stream", "notes", "--expr", expr);
  const publish = async (id: string): Promise<void> => {
    await js.publish("notes.a", JSON.stringify({ id, text: `The note ${id} is about ferries.` }));
  };
  const client = httpClient(engine.url);
  const isVisible = (id: string) =>
    eventually(async () =>
      expect((await client.document({ tenant }, id as DocumentId)).status).toBe("visible"),
    );
  await publish("first");
  await isVisible("first");
  await engine.kill9();
  await publish("second");
  await engine.restart();
  await isVisible("second");
  const { stdout } = await freshet("list", "--json");
  expect(JSON.parse(stdout)).toMatchObject({ sources: [{ name: "notes", lag: 0, failed: 0 }] });
  await freshet("remove", "notes");
});
