/**
 * Bounds that only make sense together. A change of one that breaks another fails here with the
 * sentence that says why.
 */
import { describe, expect, it } from "vitest";
import { documentIdBytesMax } from "../../src/contract/ids.ts";
import { limits } from "../../src/contract/limits.ts";

const KiB = 1024;
const MiB = 1024 * 1024;
/** JSON writes a character as \uXXXX at worst. */
const jsonBytesPerChar = 6;
/** all-MiniLM-L6-v2: 384 float32. */
const vectorBytes = 384 * 4;
/** [CLS] and [SEP]. */
const markTokens = 2;

/** Tokens that a chunk brings at least; a token is one byte at least. */
const newTokensPerChunk =
  limits.chunkTokensMax - limits.chunkOverlapTokens - limits.headingTokensMax - markTokens;
const chunksPerDocumentMax = Math.ceil(limits.documentTextBytesMax / newTokensPerChunk);

const atMost = (small: number, large: number): void => {
  expect(small).toBeLessThanOrEqual(large);
};
const below = (small: number, large: number): void => {
  expect(small).toBeLessThan(large);
};

it("holds only finite numbers above zero", () => {
  for (const [name, value] of Object.entries(limits)) {
    expect(Number.isFinite(value) && value > 0, name).toBe(true);
  }
});

describe("documents and records", () => {
  it("a record of the largest document fits", () => {
    const body = limits.documentTextBytesMax * limits.recordBytesPerTextByteMax;
    atMost(body + limits.recordOverheadBytesMax, limits.recordBytesMax);
  });

  it("the factor from text to record covers vectors, escaped text and JSON of its chunks", () => {
    const textBytes = (newTokensPerChunk + limits.chunkOverlapTokens) * 2;
    const jsonBytes = 27;
    const perChunk = vectorBytes + textBytes + jsonBytes;
    below(perChunk, newTokensPerChunk * limits.recordBytesPerTextByteMax);
  });

  it("title, source, metadata and id fit into what is set aside for them", () => {
    const info =
      (limits.titleCharsMax + limits.sourceCharsMax) * jsonBytesPerChar + limits.metadataBytesMax;
    // An id is percent-encoded in a header: three characters a byte.
    below(info + documentIdBytesMax * 3, limits.recordOverheadBytesMax);
  });

  it("a record stays below what the NATS vendor advises against", () => {
    atMost(limits.recordBytesMax, 8 * MiB);
  });

  it("the largest document fits into an HTTP body, every character escaped, and into a DOCS message", () => {
    const escaped = limits.documentTextBytesMax * jsonBytesPerChar;
    atMost(escaped + limits.recordOverheadBytesMax, limits.httpDocumentBytesMax);
    atMost(limits.httpDocumentBytesMax, limits.recordBytesMax);
    atMost(limits.httpDocumentBytesMax, limits.httpNdjsonBytesMax);
  });

  it("a short value can be the value of each key that is allowed", () => {
    const shortValue = limits.metadataKeyCharsMax * 2 + 6;
    atMost(limits.metadataKeysMax * shortValue, limits.metadataBytesMax);
    atMost(limits.metadataValueCharsMax * jsonBytesPerChar, limits.metadataBytesMax);
  });
});

describe("chunks and embedding", () => {
  it("overlap and heading leave most of a chunk for new text", () => {
    below(limits.chunkTokensMax / 2, newTokensPerChunk);
  });

  it("an embed batch takes at least several of the longest chunks", () => {
    atMost(limits.chunkTokensMax * 4, limits.embedBatchPaddedTokensMax);
    atMost(limits.embedBatchItemsMax, limits.embedLookAheadMax);
    atMost(limits.embedLookAheadMax, limits.embedderMailboxMax);
  });

  it("a batch for a GPU is bigger, and still within what the batcher looks at", () => {
    below(limits.embedBatchPaddedTokensMax, limits.embedGpuBatchPaddedTokensMax);
    below(limits.embedBatchItemsMax, limits.embedGpuBatchItemsMax);
    atMost(limits.embedGpuBatchItemsMax, limits.embedLookAheadMax);
  });

  it("all attempts of a remote request end before its texts are given up", () => {
    const pausesMs = (limits.embedRemoteAttemptsMax - 1) * limits.embedRemoteRetryAfterMaxMs;
    const attemptsMs = limits.embedRemoteAttemptsMax * limits.embedRemoteRequestMs;
    below(attemptsMs + pausesMs, limits.embedRequestMs);
    atMost(limits.embedRemoteRetryMaxMs, limits.embedRemoteRetryAfterMaxMs);
    below(limits.embedRemoteConnectMs, limits.embedRemoteRequestMs);
  });

  it("a remote reply has room for vectors that are ten times as wide", () => {
    const bytesPerDecimal = 22;
    below(limits.embedRemoteInputsMax * 3_840 * bytesPerDecimal, limits.embedRemoteReplyBytesMax);
    atMost(limits.embedRemoteInputsMax, limits.embedBatchItemsMax);
  });

  it("a batch is over long before its texts count as starving", () => {
    below(limits.embedBatchPredictedMsMax * 10, limits.embedQueueAgeMaxMs);
  });

  it("a text waits for a batch far shorter than for an answer", () => {
    below(limits.embedQueueAgeMaxMs * 10, limits.embedRequestMs);
  });
});

describe("questions", () => {
  it("whoever waits for min_seq still gets an answer before the deadline", () => {
    atMost(limits.waitMsMax, limits.deadlineMsMax);
    atMost(limits.waitMsMax, limits.deadlineMsDefault);
    atMost(limits.deadlineMsDefault, limits.deadlineMsMax);
  });

  it("cold and the model have their share of the deadline", () => {
    below(limits.coldSearchMs * (1 + limits.coldRestartsMax), limits.deadlineMsDefault);
    atMost(limits.modelRequestMs, limits.deadlineMsMax);
  });

  it("each shard finds more candidates than an answer may ask for", () => {
    atMost(limits.topKMax, limits.candidatesPerShard);
  });

  it("no socket is cut under a question that is still within its deadline", () => {
    below(limits.deadlineMsMax, limits.httpIdleSocketMs);
    below(limits.sseHeartbeatMs * 2, limits.httpIdleSocketMs);
  });

  it("a node that refuses questions still has sockets to say so", () => {
    below(limits.questionsInFlightMax + limits.httpPublishesInFlightMax, limits.httpConnectionsMax);
  });
});

describe("the log", () => {
  it("a publisher's retries end before the server forgets its message id", () => {
    below(limits.publishAckMs * limits.appendAttemptsMax, limits.duplicateWindowMs);
  });

  it("a lease survives a renewal whose answer is lost: the next one is sent in time", () => {
    const renewEveryMs = limits.leaseMs / 3;
    below(2 * renewEveryMs + limits.publishAckMs, limits.leaseMs);
  });

  it("a node settles within a lease, so that what it joins for is not over before it counts", () => {
    below(limits.membershipLookEveryMs * 2, limits.membershipSettleMs);
    below(limits.membershipSettleMs, limits.leaseMs);
    atMost(2 * limits.leaseMs, limits.partitionTakeAnywayMs);
    // A proof that is waited for outlasts a lost answer, and a question outlasts the proof.
    atMost(4 * limits.leaseProofAskAgainMs, limits.leaseProofPatienceMs);
    below(limits.leaseProofPatienceMs, limits.deadlineMsDefault);
    atMost(4 * limits.peerBeatMs, limits.peerSilenceMs);
  });

  it("pulls obey the server's rule, and a consumer outlives a pull", () => {
    atMost(limits.pullHeartbeatMs * 2, limits.pullExpiresMs);
    below(limits.pullExpiresMs, limits.consumerIdleMs);
    atMost(limits.boundedPullHeartbeatMs * 2, limits.boundedPullExpiresMs);
    // An end that is not hasty must be possible for both kinds of read.
    atMost(limits.pullHeartbeatMs, limits.boundedPullExpiresMs);
    atMost(limits.readRetryMinMs, limits.readRetryMaxMs);
  });

  it("one pull fits into a tenant's queue, and what is in flight came out of it", () => {
    atMost(limits.pullMax, limits.tenantQueueMax);
    atMost(limits.tenantInFlightMax, limits.tenantQueueMax);
  });

  it("a page of a range holds at least one record of the largest size", () => {
    atMost(limits.recordBytesMax, limits.rangePageBytesMax);
    atMost(limits.docsMessageBytesMax, limits.rangePageBytesMax);
  });

  it("DOCS takes whatever HTTP takes, with its headers, and the server takes that", () => {
    atMost(
      limits.httpDocumentBytesMax + limits.idempotencyKeyCharsMax * 4,
      limits.docsMessageBytesMax,
    );
    atMost(limits.docsMessageBytesMax, limits.recordBytesMax);
  });

  it("a heads piece is a message that a stock server takes", () => {
    below(limits.headsPieceEntriesMax * 24, 1 * MiB);
  });

  it("a stream at its smallest still holds several of its largest messages", () => {
    atMost(limits.recordBytesMax * 4, limits.streamBytesMin);
    for (const bytes of [
      limits.docsBytesMax,
      limits.chunksBytesMax,
      limits.deadLetterBytesMax,
      limits.headsBytesMax,
      limits.manifestsBytesMax,
    ]) {
      atMost(limits.streamBytesMin, bytes);
    }
  });
});

describe("merges", () => {
  it("a size-triggered merge, and a merge of one largest document, fit into one merge", () => {
    below(limits.mergeSizeChunks, limits.mergeChunksMax);
    below(chunksPerDocumentMax, limits.mergeChunksMax);
  });

  it("pages in flight are a part of a window, and a window a part of a merge", () => {
    atMost(limits.mergePageObjects * limits.mergePagesInFlight, limits.mergeWindowObjects);
    atMost(limits.mergeWindowObjects, limits.mergeChunksMax);
  });

  it("requests to Weaviate stay below QUERY_MAXIMUM_RESULTS and 10 MiB of gRPC", () => {
    atMost(limits.coldIdsPerRequestMax, 10_000);
    atMost(limits.mergePageObjects, limits.coldIdsPerRequestMax);
    // An object: its vector, and text of a chunk at several bytes a token.
    below(limits.mergePageObjects * (vectorBytes + limits.chunkTokensMax * 16), 10 * MiB);
  });

  it("a tenant's hot memory holds the vectors of a full merge, and a node those of several tenants", () => {
    below(limits.mergeChunksMax * vectorBytes, limits.hotBytesPerTenantMax);
    atMost(limits.hotBytesPerTenantMax * 2, limits.hotBytesPerNodeMax);
  });

  it("an activity beats several times before it counts as dead, and dies before it times out", () => {
    below(limits.mergeHeartbeatMs * 4, limits.mergeActivityMs);
    // So long may a healthy worker stand still between two beats: any pause of a process that is not stopped.
    below(limits.mergeHeartbeatEveryMs * 4, limits.mergeHeartbeatMs);
    below(limits.coldRequestMs, limits.mergeActivityMs);
    atMost(limits.mergeRetryMinMs, limits.mergeRetryMaxMs);
  });

  it("a merge stays in the history bound: windows, passes and merges of one run", () => {
    const eventsPerActivity = 3;
    const windows = Math.ceil(limits.mergeChunksMax / limits.mergeWindowObjects);
    const activitiesPerMerge = windows + 5;
    below(limits.mergesPerRunMax * activitiesPerMerge * eventsPerActivity, 10_000);
  });

  it("a merge is confirmed when no attempt of it that heard of its end can have a request on its way (CF1)", () => {
    below(limits.mergeHeartbeatMs + limits.coldRequestMs, limits.mergeConfirmMs);
  });

  it("what is superseded stays until no owner that answers can lack its successor (CS2)", () => {
    const appendMs = limits.appendAttemptsMax * 2 * limits.publishAckMs;
    below(appendMs + limits.leaseMs, limits.mergeSettleMs);
  });

  it("a scrub keeps merges waiting for less than makes them due, and comes rarer than they do", () => {
    below(limits.scrubExclusiveMs, limits.mergeAgeMs);
    below(limits.mergeAgeMs, limits.scrubEveryMs);
    below(limits.coldIdsPerRequestMax, limits.scrubWindowObjects);
  });

  it("the sweep looks more often than records become due", () => {
    below(limits.mergeSweepEveryMs, limits.mergeAgeMs);
  });
});

describe("retention", () => {
  it("keeps what the server's memory of message ids is rebuilt from, and what a merge by age still needs", () => {
    atMost(limits.duplicateWindowMs * 2, limits.replayWindowMs);
    below(limits.mergeAgeMs * 4, limits.replayWindowMs);
  });

  it("looks far more often than its window moves on, and is a multiple of the sweep that starts it", () => {
    below(limits.retentionEveryMs * 10, limits.replayWindowMs);
    expect(limits.retentionEveryMs % limits.mergeSweepEveryMs).toBe(0);
  });
});

describe("actors and surfaces", () => {
  it("restarts back off from the shortest to the longest pause within the window", () => {
    atMost(limits.restartBackoffMinMs, limits.restartBackoffMaxMs);
    below(limits.restartBackoffMaxMs, limits.restartWindowMs);
  });

  it("a stop waits for an append whose answer is late", () => {
    below(limits.publishAckMs, limits.stopMs);
  });

  it("a slow request is cut in order: headers, body, whole request", () => {
    atMost(limits.httpHeadersMs, limits.httpBodyMs);
    atMost(limits.httpBodyMs, limits.httpRequestMs);
    below(limits.httpKeepAliveMs, limits.httpHeadersMs);
  });

  it("what a node holds beyond its hot shards is the sum of its pools of bytes, within the stated bound", () => {
    const partitions = 8;
    const parts = {
      // Code, model, arenas of both lanes, V8; 622 MiB were measured after the first documents.
      base: 704 * MiB,
      intake: limits.intakeBytesMax + limits.intakePagesBytesMax,
      inHand: limits.inHandBytesMax,
      sharedReaders: partitions * limits.rangePageBytesMax,
      // A page that was delivered, and what waits for the shard.
      recoveries:
        limits.recoveriesInFlightMax * (limits.rangePageBytesMax + limits.shardMailboxBytesMax),
      // Bodies; of lines in flight the bytes, what they were parsed to, and the payload.
      http: limits.httpBodyBytesMax + 3 * limits.httpBodyBytesMax,
      questions: 2 * limits.questionsInFlightMax * limits.questionBytesMax,
    };
    atMost(
      Object.values(parts).reduce((sum, bytes) => sum + bytes, 0),
      limits.engineBytesMax,
    );
  });

  it("a tenant's part of each pool has room for what it takes at once, and is a part only", () => {
    // Two pages of its own reads, and a read that ends with a payload of the largest size.
    atMost(2 * limits.rangePageBytesMax, limits.intakeBytesPerTenantMax);
    atMost(limits.recordBytesMax, limits.rangePageBytesMax - limits.recordBytesMax);
    atMost(limits.intakeBytesPerTenantMax * 4, limits.intakeBytesMax);
    const largest = (1 + limits.recordBytesPerTextByteMax) * limits.documentTextBytesMax;
    atMost(4 * largest, limits.inHandBytesPerTenantMax);
    atMost(limits.inHandBytesPerTenantMax * 4, limits.inHandBytesMax);
    atMost(limits.recordBytesMax, limits.shardMailboxBytesMax);
    atMost(16 * limits.httpDocumentBytesMax, limits.httpBodyBytesMax);
  });

  it("a guaranteed share of hot memory is a part of a reserve that leaves a tenant alone its whole bound", () => {
    atMost(limits.hotReserveBytes + 2 * limits.hotBytesPerTenantMax, limits.hotBytesPerNodeMax);
    below(limits.pressurePatienceMs, limits.pressureForgetMs);
    below(limits.mergeRequestEveryMs, limits.pressurePatienceMs);
  });

  it("a question at its limits, every character escaped, is within the bound of its bytes", () => {
    below(limits.questionCharsMax * 6 + 64 * KiB, limits.questionBytesMax);
    below(limits.httpBodyRateMs, limits.httpBodyMs);
  });
});
