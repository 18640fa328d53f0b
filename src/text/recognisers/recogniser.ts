/** What a recogniser is: a pure function from text to the spans of one kind of personal or secret data. */

export const kinds = ["EMAIL", "PHONE", "CARD", "IBAN", "IP", "API_KEY"] as const;

export type Kind = (typeof kinds)[number];

export interface Span {
  /** Offsets, end exclusive. */
  readonly start: number;
  readonly end: number;
}

/**
 * Sees folded text (`fold.ts`): compatibility forms, digits of other scripts and invisible characters
 * are plain there. Linear in the text, whatever the text.
 */
export interface Recogniser {
  readonly kind: Kind;
  find(text: string): Iterable<Span>;
}

/** Whether a character can be part of a word or number: what a match may not stand beside. */
export function isWordCharacter(character: string | undefined): boolean {
  return character !== undefined && /[\p{L}\p{N}_]/u.test(character);
}
