import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createRepetitionGuard } from "../../src/answer/repetition.ts";

function guarded(...pieces: readonly string[]): string {
  const guard = createRepetitionGuard();
  return pieces.map((piece) => guard.push(piece)).join("") + guard.end();
}

describe("repetition guard", () => {
  test("ends an answer that says a sentence again", () => {
    const loop = "It is a part of the library.\n\nIt is a part of the library.\n\nIt is a part";
    expect(guarded(loop)).toBe("It is a part of the library.\n\n");
    expect(guarded("One thing is this. Then another. One thing is this. And so on.")).toBe(
      "One thing is this. Then another. ",
    );
  });

  test("drops a repetition that the end cuts off", () => {
    expect(guarded("It is a part of the library. It is a part of th")).toBe(
      "It is a part of the library. ",
    );
  });

  test("short sentences, code and sentences that only begin alike stay", () => {
    const text = "Yes. Yes. The log is the truth. The log is a view. Yes.";
    expect(guarded(text)).toBe(text);
    const code = "```\nconsole.log(1);\nconsole.log(1);\n```\ndone";
    expect(guarded(code)).toBe(code);
  });

  test("lets new text through at once", () => {
    const guard = createRepetitionGuard();
    expect(guard.push("The wa")).toBe("The wa");
    expect(guard.push("termark moves now. The")).toBe("termark moves now. ");
    expect(guard.push("n")).toBe("Then");
  });

  test("decides the same however the text is split", () => {
    const sentences = fc.array(
      fc.constantFrom("The log is the truth. ", "The log moves.\n", "Yes. ", "```\n", "\n", " a"),
      { maxLength: 12 },
    );
    fc.assert(
      fc.property(sentences, fc.integer({ min: 1, max: 7 }), (parts, size) => {
        const text = parts.join("");
        const pieces = text.match(new RegExp(`[^]{1,${size}}`, "g")) ?? [];
        expect(guarded(...pieces)).toBe(guarded(text));
        expect(text.startsWith(guarded(text))).toBe(true);
      }),
    );
  });
});
