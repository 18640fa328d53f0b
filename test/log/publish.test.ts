/** PU1, with a scripted server. */

import { ErrorCode, NatsError, type PubAck } from "nats";
import { describe, expect, it } from "vitest";
import { limits } from "../../src/contract/limits.ts";
import type { NatsContext } from "../../src/log/nats/connection.ts";
import { publishIfLastUntilKnown, type ReadBack } from "../../src/log/nats/publish.ts";

const refusal = Object.assign(new NatsError("refused", ErrorCode.ApiError), {
  api_error: { code: 400, err_code: 10071, description: "wrong last sequence" },
});
const silence = NatsError.errorForCode(ErrorCode.Timeout);

/** Answers the publishes in turn; the last answer is repeated. */
function scripted(...answers: readonly (number | NatsError)[]) {
  const expected: number[] = [];
  const pausesMs: number[] = [];
  const publish = async (
    _subject: string,
    _payload: Uint8Array,
    options: { expect: { lastSubjectSequence: number } },
  ): Promise<PubAck> => {
    const answer = answers[Math.min(expected.length, answers.length - 1)];
    expected.push(options.expect.lastSubjectSequence);
    if (typeof answer === "number") return { seq: answer, stream: "CHUNKS", duplicate: false };
    throw answer ?? silence;
  };
  const sleep = async (ms: number): Promise<void> => void pausesMs.push(ms);
  const context = { js: { publish }, clock: { sleep } } as unknown as NatsContext;
  return { context, expected, pausesMs };
}

const message = { subject: "chunks.0.demo", payload: new Uint8Array(), expectedLast: 3 };

function send(context: NatsContext, readBack: () => ReadBack<string>): Promise<string> {
  return publishIfLastUntilKnown(context, {
    message,
    stored: ({ seq }) => `stored ${seq}`,
    readBack: async () => readBack(),
    silence: "an append got no answer",
  });
}

describe("PU1: a conditional publish", () => {
  it("that is acknowledged is not read back", async () => {
    const { context } = scripted(4);
    const readBack = () => expect.fail("read back");
    expect(await send(context, readBack)).toBe("stored 4");
  });

  it.each([refusal, silence])("that gets '%s' is what the read-back says", async (answer) => {
    const { context, expected } = scripted(answer);
    expect(await send(context, () => ({ kind: "known", result: "lost" }))).toBe("lost");
    expect(expected).toEqual([3]);
  });

  it("is sent again while nothing is decided, with the read-back's condition", async () => {
    const { context, expected, pausesMs } = scripted(silence, silence, 9);
    const next = { ...message, expectedLast: 5 };
    expect(await send(context, () => ({ kind: "open", next }))).toBe("stored 9");
    expect(expected).toEqual([3, 5, 5]);
    expect(pausesMs).toEqual([limits.readRetryMinMs, 2 * limits.readRetryMinMs]);
  });

  it("is given up after so many attempts, with what the server said last", async () => {
    const { context, expected } = scripted(silence);
    await expect(send(context, () => ({ kind: "open" }))).rejects.toMatchObject({
      code: "log_unavailable",
      message: "an append got no answer",
      cause: { code: "log_unavailable" },
    });
    expect(expected).toHaveLength(limits.appendAttemptsMax);
  });
});
