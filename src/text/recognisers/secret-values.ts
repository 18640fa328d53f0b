/** Whether a value is a secret: random, or at least no name, no path and no place to put one. */

/** Below this a value is a word or a path, above it is random (bits per character, Shannon). */
const randomBitsMin = 3.2;
const digitsOnlyMin = 16;
const lettersOnlyMin = 16;
/** Of words that are read, hardly any has five consonants in a row: "lengths" has them. */
const consonants = /[bcdfghjklmnpqrstvwxz]{5}/i;
const parts = /[-_./]/;
const wordPart = /^(?:\p{L}?\p{Ll}*|\p{Lu}*|\d{1,4})$/u;

/**
 * Digits among letters, and no part of it repeated much: `process.env.TOKEN` and paths are neither,
 * nor are words with numbers between them.
 */
export function looksRandom(value: string): boolean {
  if (isPlace(value)) return false;
  const hasDigits = /\d/.test(value);
  const hasLetters = /[A-Za-z]/.test(value);
  if (!hasLetters) return /^\d+$/.test(value) && value.length >= digitsOnlyMin;
  if (!hasDigits) return isRandomLetters(value);
  const pieces = value.split(parts);
  if (pieces.length > 2 && pieces.every((piece) => wordPart.test(piece))) return false;
  return bitsOf(value) >= randomBitsMin;
}

function isRandomLetters(value: string): boolean {
  if (value.length < lettersOnlyMin || !/^[A-Za-z]+=*$/.test(value)) return false;
  return consonants.test(value) && bitsOf(value) >= randomBitsMin;
}

function bitsOf(value: string): number {
  const counts = new Map<string, number>();
  for (const character of value) counts.set(character, (counts.get(character) ?? 0) + 1);
  let bits = 0;
  for (const count of counts.values()) {
    const share = count / value.length;
    bits -= share * Math.log2(share);
  }
  return bits;
}

/** `${TOKEN}`, `<password>`, `****`, `process.env.PASSWORD`, `$1`, `{{ secret }}`. */
const place =
  /^(?:[<$%{[*#@&(]|x{3,}|\.{3}|your|my[-_]|some|example|changeme|process\.|os\.|env\.|secrets?\.|config\.|this\.|self\.|[A-Za-z_.]+\()/i;

export function isPlace(value: string): boolean {
  return place.test(value) || /[{}<>]/.test(value);
}

const passwordCharsMin = 6;
const types = /^(?:string|number|boolean|null|undefined|true|false|none|required|optional)\b/i;

/** A password is short and made by people: not one word alone, no name of anything. */
export function looksLikePassword(value: string): boolean {
  if (value.length < passwordCharsMin || isPlace(value) || types.test(value)) return false;
  const classes = [/[a-z]/, /[A-Z]/, /\d/, /[^A-Za-z\d\s]/].filter((one) => one.test(value)).length;
  if (/^[\w.]+[([]/.test(value) || /^https?:/.test(value)) return false;
  if (/\d/.test(value)) {
    if (/^[\d.,:-]+$/.test(value))
      return /^\d+$/.test(value) && value.length >= passwordCharsMin + 2;
    return classes >= 2 && !/^v?\d+(?:\.\w+)+$/.test(value);
  }
  return classes >= 3 && /[!#$%&*+?@^~]/.test(value);
}
