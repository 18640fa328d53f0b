import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { percentile, planJob, singlesMax } from "../../ops/main-job/plan.ts";

const document = (id: string, chars = 100) => ({
  id,
  title: `All about ${id}`,
  text: "x".repeat(chars),
});
const many = Array.from({ length: 100 }, (_, index) => document(`doc-${index}.md`, index * 20));

describe("planJob", () => {
  it("puts every document into exactly one of the two parts", () => {
    const sizes = fc.array(fc.nat(3_000), { minLength: 3, maxLength: 60 });
    fc.assert(
      fc.property(sizes, (lengths) => {
        const documents = lengths.map((chars, index) => document(`d${index}`, chars));
        const { together, singly } = planJob(documents);
        const ids = [...together, ...singly].map(({ id }) => id).sort();
        expect(ids).toEqual(documents.map(({ id }) => id).sort());
        expect(singly.length).toBeGreaterThan(0);
        expect(together.length).toBeGreaterThanOrEqual(singly.length);
      }),
    );
  });

  it("publishes documents of about 500 characters singly, and not more than needed", () => {
    const { singly } = planJob(many);
    expect(singly).toHaveLength(singlesMax);
    for (const { text } of singly) expect(Math.abs(text.length - 500)).toBeLessThanOrEqual(200);
  });

  it("asks one question of each part and one of either, about documents that are there", () => {
    const { questions, together, singly } = planJob(many);
    expect(questions.map(({ from }) => from)).toEqual(["hot", "cold", "either"]);
    const [hot, cold] = questions;
    expect(singly.map(({ id }) => id)).toContain(hot?.expects);
    expect(together.map(({ id }) => id)).toContain(cold?.expects);
  });

  it("asks the known question about a file that the packages ship, in whatever folder it lies", () => {
    const id = "node_modules/chrome-trace-event/README.md";
    const { questions, singly } = planJob([...many, document(id, 893)]);
    expect(singly.map((single) => single.id)).toContain(id);
    expect(questions[0]).toMatchObject({ expects: id, from: "hot" });
    expect(questions[0]?.query).toContain("Trace Event");
  });
});

describe("percentile", () => {
  it("is the nearest rank", () => {
    const values = [5, 1, 4, 2, 3];
    expect(percentile(values, 0.5)).toBe(3);
    expect(percentile(values, 0.99)).toBe(5);
    expect(percentile([], 0.5)).toBe(0);
  });
});
