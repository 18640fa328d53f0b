import { describe, expect, test } from "vitest";
import { rank } from "../../src/retrieval/fusion.ts";
import { relevanceOf, relevanceThreshold } from "../../src/retrieval/relevance.ts";
import { askedFor, candidate } from "../answer/candidates.ts";

/** Models see no difference between two codes: what names another one is as near. */
const found = [
  { id: "advisory", text: "CVE-2019-0709 is a flaw in Hyper-V.", cosine: 0.9 },
  { id: "update", text: "Error 0x80070005: access is denied.", cosine: 0.89 },
  { id: "ticket", text: "Ticket OPS-2137: the boiler leaks. See OPS-2100.", cosine: 0.88 },
  { id: "KB-7710.md", text: "Reboot the router, as in KB-7700.", cosine: 0.87 },
  { id: "parcel", text: "Parcel 00340434161094042557 is with the neighbour.", cosine: 0.86 },
  {
    id: "dose",
    text: "At most 400mg a day. All versions before 3.2.0 are affected.",
    cosine: 0.85,
  },
  { id: "bike", text: "The bike E619-1609 is in the cellar.", cosine: 0.84 },
  { id: "note", info: { title: "Invoice INV-2024-0018" }, text: "As INV-2024-0017.", cosine: 0.84 },
];

function relevance(question: string, best?: string): number {
  const hot = found.map((each) =>
    askedFor(question, candidate({ ...each, cosine: each.id === best ? 0.95 : each.cosine })),
  );
  return relevanceOf(rank({ question, hot, cold: [], limit: 5, perList: 64 }).relevance);
}

describe("a code that was asked for", () => {
  test.each([
    ["What is CVE-2019-0708?", "advisory"],
    ["How is error 0x80070057 mended?", "update"],
    ["What is ticket OPS-2138 about?", "ticket"],
    ["Where is parcel 00340434161094042558?", "parcel"],
    ["What does KB-7711 say?", "KB-7710.md"],
    ["Where is the bike E619-1610?", "bike"],
  ])("and that nothing names is not answered by another of its kind: %s", (question, best) => {
    expect(relevance(question, best)).toBeLessThan(relevanceThreshold);
  });

  test.each([
    ["What is CVE-2019-0709?", "advisory"],
    ["What is CVE 2019 0709?", "advisory"],
    ["Do OPS-2137 and OPS-2138 differ?", "ticket"],
    ["what about ops2137", "ticket"],
    ["What does KB-7710 say?", "KB-7710.md"],
    ["Was INV-2024-0018 paid?", "note"],
    ["Where is the bike e6191609?", "bike"],
    ["Where is the bike e619.1609?", "bike"],
    ["Is error 0x80070057 one of the boiler?", "dose"],
  ])("is answered where something names it, or the best names none: %s", (question, best) => {
    expect(relevance(question, best)).toBeGreaterThan(relevanceThreshold);
  });

  test.each(["Is 500mg a day too much?", "Is version 3.1.5 affected?", "What was on 2024-05-03?"])(
    "an amount, a version and a day are no codes of this kind: %s",
    (question) => {
      expect(relevance(question, "dose")).toBeGreaterThan(relevanceThreshold);
    },
  );
});

describe("a word that only asks and that nothing holds", () => {
  const mill = { id: "mill", cosine: 0.2, text: "On 3 November 2001 the mill burnt down." };
  const others = Array.from({ length: 12 }, (_, at) => ({
    ...{ id: `o${at}`, cosine: 0.24 + at / 500 },
    text: "Rain fell on the weather station in autumn, as is recorded daily.",
  }));

  test.each(["What happened on 3 November 2001?", "Was geschah am 3 November 2001?"])(
    "leaves the others what they say: %s",
    (question) => {
      const hot = [mill, ...others].map((each) => askedFor(question, candidate(each)));
      const { fused, relevance } = rank({ question, hot, cold: [], limit: 5, perList: 64 });
      expect(fused[0]?.candidate.documentId).toBe("mill");
      expect(relevanceOf(relevance)).toBeGreaterThan(relevanceThreshold);
    },
  );
});
