import { expect, it } from "vitest";
import type { QuestionMessage } from "../../actors/messages.ts";
import { questionTurns } from "../../actors/question/turns.ts";
import type { TenantId } from "../../src/contract/ids.ts";
import { type Answer, parseQuestion } from "../../src/contract/query.ts";
import { FairShares } from "../../src/runtime/fair-shares.ts";
import { createManualClock } from "../support/manual-clock.ts";
import { codeOf } from "../support/promises.ts";
import { acme, globex, quiet } from "./kit.ts";

const answer = { answer: "it was" } as Answer;

function pool(places: number) {
  const clock = createManualClock();
  const running: QuestionMessage[] = [];
  const shares = new FairShares({ total: places, waitingMax: places });
  const turns = questionTurns({
    pool: { tryPut: (message) => running.push(message) > 0 },
    shares,
    clock,
  });
  const ask = (tenant: TenantId, options: { deadlineMs?: number; signal?: AbortSignal } = {}) => {
    const asked = { query: "what", deadline_ms: options.deadlineMs ?? 120_000 };
    return new Promise<Answer>((resolve, reject) => {
      turns.tryPut({
        type: "question",
        tenant,
        access: undefined,
        question: parseQuestion(asked),
        signal: options.signal ?? new AbortController().signal,
        onEvent: undefined,
        reply: { resolve, reject },
      });
    });
  };
  return { clock, running, shares, ask };
}

it("B4: the questions of a flood and another's take turns, and the flood has half of the places", async () => {
  const { running, ask } = pool(4);
  for (let count = 0; count < 4; count += 1) void ask(acme).catch(() => {});
  await quiet(1);
  expect(running).toHaveLength(2);
  const asked = ask(globex);
  await quiet(1);
  expect(running.map(({ tenant }) => tenant)).toEqual([acme, acme, globex]);
  running[2]?.reply.resolve(answer);
  expect(await asked).toBe(answer);
});

it("QT2: a question that waited is asked with what is left of its time", async () => {
  const { clock, running, shares, ask } = pool(1);
  const first = ask(acme);
  const second = ask(globex, { deadlineMs: 1_000 });
  await clock.advance(400);
  running[0]?.reply.resolve(answer);
  await first;
  await quiet(1);
  expect(running[1]?.question.deadline_ms).toBe(600);
  running[1]?.reply.reject(new Error("over"));
  await expect(second).rejects.toThrow("over");
  expect(shares.held).toBe(0);
});

it("QT2: one whose deadline passes or whose caller goes while it waits gets that as its error, and holds nothing", async () => {
  const { clock, running, shares, ask } = pool(2);
  const first = ask(acme);
  const other = ask(globex);
  const late = codeOf(ask(acme, { deadlineMs: 500 }));
  const gone = new AbortController();
  const left = codeOf(ask(globex, { signal: gone.signal }));
  gone.abort();
  await clock.advance(500);
  expect([await late, await left]).toEqual(["deadline_exceeded", "cancelled"]);
  for (const { reply } of running) reply.resolve(answer);
  await Promise.all([first, other]);
  expect([shares.held, shares.waiting, running.length]).toEqual([0, 0, 2]);
});

it("QT3: what finds no place in the queue is refused at once", async () => {
  const { ask } = pool(1);
  const asked = Array.from({ length: 3 }, () => codeOf(ask(acme)));
  expect(await asked[2]).toBe("overloaded");
});
