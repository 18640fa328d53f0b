/** What a question is told whose deadline passed: where it waited, if that is somebody's to mend. */

import { expect, it } from "vitest";
import { quiet } from "./kit.ts";
import { startQuestions } from "./question-kit.ts";

const never = () => new Promise<never>(() => {});

it("says that it waited for its vector when its deadline passed there, and only then", async () => {
  const embedding = startQuestions({ embeds: false });
  const searching = startQuestions({ search: never });
  searching.load(5);
  const says = [];
  for (const { ask, clock } of [embedding, searching]) {
    const { promise } = ask({ deadline_ms: 100 });
    await quiet();
    await clock.advance(100);
    says.push(await promise.catch(({ message }: Error) => message));
  }
  expect(says).toEqual([
    expect.stringContaining("before the question had its vector: the embedder is away"),
    "deadline_ms passed before an answer",
  ]);
});
