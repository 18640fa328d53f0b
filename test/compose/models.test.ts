import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import type { ModelCall } from "../../src/answer/port.ts";
import { openModels } from "../../src/compose/models.ts";
import { readConfig } from "../../src/config/config.ts";
import type { TenantId } from "../../src/contract/ids.ts";
import { silentLogger } from "../../src/contract/observation.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import { delta, type Endpoint, startEndpoint, stream } from "../answer/misbehaving-endpoint.ts";
import { countingMetrics } from "../support/counting-metrics.ts";

let folder: string;
let first: Endpoint;
let spare: Endpoint;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "freshet-models-"));
  [first, spare] = [await startEndpoint(), await startEndpoint()];
});
afterEach(async () => {
  await Promise.all([first.close(), spare.close()]);
  rmSync(folder, { recursive: true, force: true });
});

it("builds the chain that is declared: order, models, keys, windows and prices", async () => {
  const [file, key] = [join(folder, "models.json"), join(folder, "key")];
  writeFileSync(key, "sk-spare\n");
  const price = { input: 2, output: 4 };
  const own = { name: "spare", url: spare.url, model: "spare-7b", api_key_file: key, price };
  writeFileSync(
    file,
    JSON.stringify({ format: 1, endpoints: [{ ...own, context_tokens: 2_048 }] }),
  );
  const config = readConfig({
    ...{ FRESHET_LLM_URL: first.url, FRESHET_LLM_MODEL: "tiny", FRESHET_LLM_FILE: file },
    FRESHET_LLM_FIRST_TOKEN_MS: "50",
  });
  first.handle = (_, response) =>
    void response.writeHead(200, { "content-type": "text/event-stream" });
  const heard: unknown[] = [];
  spare.handle = (request, response) => {
    heard.push([request.headers.authorization, JSON.parse(request.body)]);
    stream(delta("It moves.", "stop"), "data: [DONE]\n\n")(request, response);
  };
  const metrics = countingMetrics();
  const chain = openModels({ config, clock: systemClock, logger: silentLogger, metrics });
  const calls: ModelCall[] = [];
  const rooms: number[] = [];
  const asking = { tenant: "acme" as TenantId, maxTokens: 900, budgetMs: 20_000 };
  const { by, passed, value } = (await chain?.ask(
    { ...asking, signal: new AbortController().signal, onCall: (call) => calls.push(call) },
    ({ complete, room }) => {
      rooms.push(room(1).bytesMax);
      return complete([{ role: "user", content: "When?" }]);
    },
  )) ?? { by: undefined, passed: [], value: undefined };
  await chain?.close();
  expect([by?.name, by?.model, value]).toEqual(["spare", "spare-7b", "It moves."]);
  expect(passed).toEqual([{ endpoint: "tiny", reason: "silent" }]);
  expect(rooms).toEqual([8_192 - 900 - 16, 2_048 - 512 - 16]);
  expect(heard).toMatchObject([["Bearer sk-spare", { model: "spare-7b", max_tokens: 512 }]]);
  expect(calls.map(({ cost }) => cost === undefined)).toEqual([true, false]);
});

it("is nothing where no endpoint is declared", () => {
  const base = { clock: systemClock, logger: silentLogger, metrics: countingMetrics() };
  expect(openModels({ config: readConfig({}), ...base })).toBeUndefined();
});
