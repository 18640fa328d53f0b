import { expect, it } from "vitest";
import { inShares } from "../../actors/embedder/shares.ts";
import type { EmbedderMessage, EmbedRequest } from "../../actors/messages.ts";
import type { TenantId } from "../../src/contract/ids.ts";
import { FairShares } from "../../src/runtime/fair-shares.ts";
import { BoundedMailbox } from "../../src/runtime/mailbox.ts";
import { quiet } from "./kit.ts";

function request(tenant: string, texts: number): EmbedRequest {
  const { signal } = new AbortController();
  const inputs = Array.from({ length: texts }, () => ({ text: "", tokens: new Int32Array(1) }));
  const reply = { resolve: () => {}, reject: () => {} };
  return { type: "embed", tenant: tenant as TenantId, inputs, signal, reply };
}

it("I9: documents of many chunks, of many tenants, leave room for another's one chunk", async () => {
  const mailbox = new BoundedMailbox<EmbedderMessage>(4_096);
  const shares = new FairShares({ total: 1_024 });
  const embedder = inShares(mailbox, shares);
  for (let tenant = 0; tenant < 10; tenant += 1) void embedder.put(request(`flood-${tenant}`, 350));
  await quiet(2);
  expect(await embedder.put(request("quiet", 1))).toBe(true);
  // Without shares ten requests of 3,500 texts would lie before it.
  expect(mailbox.depth).toBe(3);
  (await mailbox.take())?.reply.resolve([]);
  await quiet(2);
  expect(mailbox.depth).toBe(3);
});

it("a request that is larger than the queue goes through, and one that fails or ends gives its share back", async () => {
  const mailbox = new BoundedMailbox<EmbedderMessage>(4_096);
  const shares = new FairShares({ total: 1_024 });
  const embedder = inShares(mailbox, shares);
  expect(await embedder.put(request("one", 5_000))).toBe(true);
  expect(await embedder.put(request("two", 5_000))).toBe(true);
  (await mailbox.take())?.reply.reject(new Error("refused"));
  (await mailbox.take())?.reply.resolve([]);
  expect(shares.held).toBe(0);
  mailbox.close();
  expect(await embedder.put(request("three", 1))).toBe(false);
  expect(shares.held).toBe(0);
});
