/**
 * Bounds that only make sense together. A room states its relations directly below its numbers,
 * each under the sentence that says why; test/contract/limits.test.ts checks every one of them.
 */

export interface Relation {
  readonly left: number;
  readonly is: "at most" | "below" | "a multiple of";
  readonly right: number;
}

/** Relations by the sentence that they hold. */
export type Relations = Readonly<Record<string, readonly Relation[]>>;

export const atMost = (left: number, right: number): Relation => ({ left, is: "at most", right });
export const below = (left: number, right: number): Relation => ({ left, is: "below", right });
export const multipleOf = (left: number, right: number): Relation => ({
  left,
  is: "a multiple of",
  right,
});

export function holds({ left, is, right }: Relation): boolean {
  switch (is) {
    case "at most":
      return left <= right;
    case "below":
      return left < right;
    case "a multiple of":
      return left % right === 0;
  }
}
