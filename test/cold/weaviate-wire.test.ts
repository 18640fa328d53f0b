/** Against the vendor's own code for the same messages, which its package does not export. */
import { Writer } from "protobufjs/minimal.js";
import { expect, test } from "vitest";
import {
  SearchReply,
  SearchRequest,
} from "../../node_modules/weaviate-client/dist/node/esm/proto/v1/search_get.js";
import { decodeHits, encodeSearch, type WireFilter } from "../../src/cold/weaviate-wire.ts";

const common = { collection: "Chunks", tenant: "acme", properties: ["record", "terms"] };

test("a search by vector is the request that the vendor's client would send", () => {
  const vector = Float32Array.of(0.5, -1, 1e-9);
  const request = SearchRequest.decode(
    encodeSearch({ ...common, by: { vector, target: "default" }, limit: 64, vectors: ["default"] }),
  );
  expect(request).toMatchObject({
    ...{ collection: "Chunks", tenant: "acme", limit: 64 },
    properties: { nonRefProperties: ["record", "terms"], returnAllNonrefProperties: false },
    metadata: { uuid: true, vectors: ["default"], vector: false, distance: false },
    ...{ uses123Api: true, uses125Api: true, uses127Api: true },
    bm25Search: undefined,
    nearVector: { targets: { targetVectors: ["default"] } },
  });
  const [sent] = request.nearVector?.vectors ?? [];
  expect(sent?.type).toBe(1);
  const bytes = Uint8Array.from(sent?.vectorBytes ?? []);
  expect(new Float32Array(bytes.buffer)).toEqual(vector);
});

test("a search by words names the property that is searched", () => {
  const by = { words: "zwei wörter", property: "terms" };
  const request = SearchRequest.decode(encodeSearch({ ...common, by, limit: 3, vectors: [] }));
  expect(request.bm25Search).toMatchObject({ query: "zwei wörter", properties: ["terms"] });
  expect(request.nearVector).toBeUndefined();
});

test("every kind of filter arrives as the operator and value that it is", () => {
  const filter: WireFilter = {
    operator: "and",
    filters: [
      { operator: "containsAny", property: "facets", value: ["a", "b\u001f"] },
      { operator: "not", filters: [{ operator: "lte", property: "expiresAt", value: 5 }] },
      {
        operator: "or",
        filters: [
          { operator: "containsAny", property: "timestamp", value: [1, 2.5, 2 ** 53 - 1] },
          { operator: "gt", property: "timestamp", value: -1 },
          { operator: "gte", property: "timestamp", value: 0 },
          { operator: "lt", property: "timestamp", value: 1e12 },
          { operator: "like", property: "facets", value: "x*" },
        ],
      },
    ],
  };
  const by = { words: "w", property: "terms" };
  const bytes = encodeSearch({ ...common, by, limit: 3, vectors: [], filter });
  const of = (property: string) => ({ target: { property } });
  expect(SearchRequest.decode(bytes).filters).toMatchObject({
    operator: 7,
    filters: [
      { operator: 12, valueTextArray: { values: ["a", "b\u001f"] }, ...of("facets") },
      { operator: 15, filters: [{ operator: 6, valueNumber: 5, ...of("expiresAt") }] },
      {
        operator: 8,
        filters: [
          { operator: 12, valueNumberArray: { values: [1, 2.5, 2 ** 53 - 1] }, ...of("timestamp") },
          { operator: 3, valueNumber: -1 },
          { operator: 4, valueNumber: 0 },
          { operator: 5, valueNumber: 1e12 },
          { operator: 10, valueText: "x*" },
        ],
      },
    ],
  });
});

const replyOf = (results: object[]): Uint8Array =>
  SearchReply.encode(SearchReply.fromPartial({ took: 0.5, results })).finish();

test("a reply of the vendor's making is read: ids, texts and vectors, and all else passed over", () => {
  const vector = Float32Array.of(0.25, -3);
  const bytes = new Uint8Array(vector.buffer);
  const fields = {
    record: { textValue: "eins\nzwei" },
    terms: { textValue: "ein zwei" },
    none: { nullValue: 0 },
    number: { numberValue: 1.5 },
  };
  const hits = decodeHits(
    replyOf([
      {
        properties: { nonRefProps: { fields }, targetCollection: "Chunks" },
        metadata: {
          ...{ id: "one", distance: 0.5, distancePresent: true, idAsBytes: Uint8Array.of(1, 2) },
          vectors: [{ name: "default", vectorBytes: bytes, type: 1 }],
        },
      },
      { metadata: { id: "two", vectorBytes: bytes } },
      { metadata: { id: "three" } },
      { metadata: { id: "four", vectorBytes: bytes.subarray(0, 6) } },
    ]),
  );
  // Only texts are asked for.
  const none = new Float32Array(0);
  expect(hits).toEqual([
    { id: "one", properties: { record: "eins\nzwei", terms: "ein zwei" }, vector },
    { id: "two", properties: {}, vector },
    { id: "three", properties: {}, vector: none },
    { id: "four", properties: {}, vector: none },
  ]);
  expect(decodeHits(replyOf([]))).toEqual([]);
});

test("fields that a later server adds are passed over, and half a reply is an error", () => {
  const reply = replyOf([{ metadata: { id: "one" } }]);
  const later = Writer.create()
    .uint32(99 * 8 + 2)
    .string("new")
    .uint32(98 * 8 + 5)
    .float(1);
  const bytes = Buffer.concat([later.finish(), reply]);
  expect(decodeHits(bytes).map(({ id }) => id)).toEqual(["one"]);
  expect(() => decodeHits(reply.subarray(0, reply.length - 2))).toThrow();
});

test("what is read of a reply stays as it was when its bytes are written over", () => {
  const vector = Float32Array.of(0.25, -3);
  const vectorBytes = new Uint8Array(vector.buffer.slice(0));
  const reply = replyOf([{ metadata: { id: "one", vectorBytes } }]);
  const hits = decodeHits(reply);
  reply.fill(0xff);
  expect(hits).toEqual([{ id: "one", properties: {}, vector }]);
});
