/** Check digits and dates in the numbers that states give to persons. All take compacted text. */

const digitsOf = (text: string): readonly number[] => [...text].map(Number);

const weighted = (text: string, weights: readonly number[]): number => {
  const digits = digitsOf(text);
  return weights.reduce((sum, weight, index) => sum + weight * (digits[index] ?? 0), 0);
};

const isDayMonth = (day: number, month: number): boolean =>
  day >= 1 && day <= 31 && month >= 1 && month <= 12;

/** Day, month, year: two digits each. */
export function hasDayMonth(text: string): boolean {
  return isDayMonth(Number(text.slice(0, 2)), Number(text.slice(2, 4)));
}

/** Year, month, day: two digits each. */
export function hasYearFirst(text: string): boolean {
  return isDayMonth(Number(text.slice(4, 6)), Number(text.slice(2, 4)));
}

/** Areas of nothing but zeros, 666 and 9xx were never given, nor groups and serials of zeros. */
export function isSsn(text: string): boolean {
  return /^(?!000|666|9)\d{3}(?!00)\d{2}(?!0000)\d{4}$/.test(text);
}

export function isLuhn(text: string): boolean {
  const sum = [...text].reverse().reduce((total, character, index) => {
    const digit = Number(character) * (index % 2 === 0 ? 1 : 2);
    return total + (digit > 9 ? digit - 9 : digit);
  }, 0);
  return sum % 10 === 0;
}

export function isCpf(text: string): boolean {
  if (new Set(text).size === 1) return false;
  const check = (length: number): number => {
    const weights = Array.from({ length }, (_, index) => length + 1 - index);
    return ((weighted(text, weights) * 10) % 11) % 10;
  };
  return check(9) === Number(text[9]) && check(10) === Number(text[10]);
}

export function isEan13(text: string): boolean {
  return weighted(text, [1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1]) % 10 === 0;
}

export function isBelgian(text: string): boolean {
  const check = Number(text.slice(9));
  const ofCentury = (prefix: string): number => 97 - (Number(prefix + text.slice(0, 9)) % 97);
  return ofCentury("") === check || ofCentury("2") === check;
}

export function isSwedish(text: string): boolean {
  const short = text.slice(-10);
  const day = Number(short.slice(4, 6));
  return isDayMonth(day > 60 ? day - 60 : day, Number(short.slice(2, 4))) && isLuhn(short);
}

export function isFinnish(text: string): boolean {
  // Compacted, the sign of the century may be gone: it is the seventh of eleven characters.
  const number = text.slice(0, 6) + text.slice(-4, -1);
  const check = "0123456789ABCDEFHJKLMNPRSTUVWXY"[Number(number) % 31];
  return hasDayMonth(text) && check === text.at(-1);
}

export function isNorwegian(text: string): boolean {
  const first = Number(text[0]);
  const day = Number(text.slice(0, 2)) - (first > 3 ? 40 : 0);
  if (!isDayMonth(day, Number(text.slice(2, 4)))) return false;
  return (
    weighted(text, [3, 7, 6, 1, 8, 9, 4, 5, 2, 1]) % 11 === 0 &&
    weighted(text, [5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1]) % 11 === 0
  );
}

export function isFrench(text: string): boolean {
  const body = text.slice(0, 13).replace("2A", "19").replace("2B", "18");
  return 97 - Number(BigInt(body) % 97n) === Number(text.slice(13));
}

export function isSpanish(text: string): boolean {
  const number = text.slice(0, 8).replace("X", "0").replace("Y", "1").replace("Z", "2");
  return "TRWAGMYFPDXBNJZSQVHLCKE"[Number(number) % 23] === text[8];
}

/** Values of the characters at odd places (first, third, ...). */
const italianOdd = "BAKPLCQDREVOSFTGUHMINJWZYX";

export function isItalian(text: string): boolean {
  let sum = 0;
  for (let index = 0; index < 15; index += 1) {
    const character = text[index] ?? "";
    const letter = /\d/.test(character) ? String.fromCharCode(65 + Number(character)) : character;
    sum += index % 2 === 0 ? italianOdd.indexOf(letter) : letter.charCodeAt(0) - 65;
  }
  return String.fromCharCode(65 + (sum % 26)) === text[15];
}

export function isBritish(text: string): boolean {
  return /^(?!BG|GB|KN|NK|NT|TN|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z]\d{6}[A-D]$/.test(text);
}

export function isChinese(text: string): boolean {
  const isDate = /^(?:19|20)/.test(text.slice(6)) && hasYearFirst(text.slice(8));
  const sum = weighted(text, [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2]);
  return isDate && "10X98765432"[sum % 11] === text[17];
}

export function isGermanTax(text: string): boolean {
  let product = 10;
  for (const digit of digitsOf(text.slice(0, 10))) {
    const sum = (digit + product) % 10 || 10;
    product = (sum * 2) % 11;
  }
  return (11 - product) % 10 === Number(text[10]);
}

export function isPesel(text: string): boolean {
  return weighted(text, [1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1]) % 10 === 0;
}

export function isBsn(text: string): boolean {
  return weighted(text, [9, 8, 7, 6, 5, 4, 3, 2, -1]) % 11 === 0;
}

const dihedral = [
  "0123456789",
  "1234067895",
  "2340178956",
  "3401289567",
  "4012395678",
  "5987604321",
  "6598710432",
  "7659821043",
  "8765932104",
  "9876543210",
] as const;
const permuted = [
  "0123456789",
  "1576283094",
  "5803796142",
  "8916043527",
  "9453126870",
  "4286573901",
  "2793806415",
  "7046913258",
] as const;

/** Verhoeff's check digit. */
export function isAadhaar(text: string): boolean {
  let check = 0;
  for (const [index, digit] of digitsOf([...text].reverse().join("")).entries()) {
    check = Number(dihedral[check]?.[Number(permuted[index % 8]?.[digit])]);
  }
  return check === 0 && !/^[01]/.test(text);
}
