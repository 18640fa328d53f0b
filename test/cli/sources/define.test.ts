import { describe, expect, it } from "vitest";
import { definitionOf } from "../../../src/cli/sources/define.ts";
import type { TenantId } from "../../../src/contract/ids.ts";
import { ownStreams } from "../../../src/contract/own-streams.ts";

const define = (stream: string) =>
  definitionOf({
    ...{ name: "orders", tenant: "acme" as TenantId, generation: "0123abcd", nowMs: 0 },
    mapper: { expression: "$changed($, $options)", options: {} },
    flags: { stream, start: "all" },
  });

describe("the stream of a source", () => {
  it("is one that others write", () => {
    expect(define("CDC").input).toMatchObject({ kind: "stream", stream: "CDC" });
    expect(define("KV_users").input).toMatchObject({ kind: "stream", stream: "KV_users" });
  });

  it.each(ownStreams)("is none that would feed documents to themselves: %s", (stream) => {
    expect(() => define(stream)).toThrow(/stream of Freshet's own/);
  });
});
