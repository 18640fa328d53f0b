/** Made-up values of each kind, right in their checksums, in the spellings that people use. */

import {
  type CountryCode,
  getExampleNumber,
  isValidPhoneNumber,
  type PhoneNumber,
  parsePhoneNumber,
} from "libphonenumber-js/max";
import examples from "libphonenumber-js/mobile/examples";

export interface Dice {
  /** A whole number below `bound`. */
  below(bound: number): number;
  pick<Item>(items: readonly Item[]): Item;
  digits(count: number): string;
  text(alphabet: string, count: number): string;
}

export function diceOf(next: () => number): Dice {
  const below = (bound: number): number => Math.floor(next() * bound);
  const text = (alphabet: string, count: number): string =>
    Array.from({ length: count }, () => alphabet[below(alphabet.length)]).join("");
  return {
    below,
    pick: <Item>(items: readonly Item[]) => items[below(items.length)] as Item,
    digits: (count) => text("0123456789", count),
    text,
  };
}

const letters = "abcdefghijklmnopqrstuvwxyz";
const mixed = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const hex = "0123456789abcdef";

export function emailOf(dice: Dice, names: readonly string[]): string {
  const [first, last] = [dice.pick(names), dice.pick(names)];
  const local = dice.pick([
    `${first}.${last}`,
    `${first}_${dice.below(99)}`,
    `${first[0]}${last}`,
    `${first}.${last}+${dice.text(letters, 4)}`,
    first.toUpperCase(),
  ]);
  const host = `${dice.text(letters, 7)}.${dice.pick(["com", "org", "de", "co.uk", "example", "fr"])}`;
  return dice.pick([`${local}@${host}`, `${local}@mail.${host}`, `${local}%40${host}`]);
}

/** A valid mobile number of the country: its example with other last digits. */
function phoneOf(dice: Dice, country: CountryCode): PhoneNumber {
  const example = getExampleNumber(country, examples);
  if (example === undefined) throw new Error(`no example number of ${country}`);
  for (;;) {
    const number = `${example.number.slice(0, -4)}${dice.digits(4)}`;
    if (isValidPhoneNumber(number)) return parsePhoneNumber(number);
  }
}

export function internationalPhone(dice: Dice, country: CountryCode): string {
  const phone = phoneOf(dice, country);
  const spaced = phone.formatInternational();
  return dice.pick([
    phone.number,
    spaced,
    spaced.replaceAll(" ", "-"),
    spaced.replaceAll(" ", "."),
    `00${phone.number.slice(1)}`,
    spaced.replaceAll(" ", "\u00a0"),
    spaced.replace(" ", " (0) ").replaceAll("  ", " "),
  ]);
}

export function nationalPhone(dice: Dice, country: CountryCode): string {
  const phone = phoneOf(dice, country);
  const written = phone.formatNational();
  return dice.pick([written, written.replaceAll(" ", ""), written.replaceAll(" ", "-")]);
}

export function cardOf(dice: Dice): string {
  const amex = dice.below(5) === 0;
  const body = amex ? `37${dice.digits(12)}` : `${dice.pick(["4", "51", "55", "2221"])}`;
  const digits = withLuhn(body + dice.digits((amex ? 14 : 15) - body.length));
  const groups = amex ? /^(.{4})(.{6})(.{5})$/ : /^(.{4})(.{4})(.{4})(.{4})$/;
  const parts = groups.exec(digits)?.slice(1) ?? [];
  return dice.pick(["", " ", "-", ".", "  ", "\u2011"].map((joint) => parts.join(joint)));
}

function withLuhn(body: string): string {
  const sum = [...body].reverse().reduce((total, character, index) => {
    const digit = Number(character) * (index % 2 === 0 ? 2 : 1);
    return total + (digit > 9 ? digit - 9 : digit);
  }, 0);
  return body + String((10 - (sum % 10)) % 10);
}

export interface IbanForm {
  readonly country: string;
  /** Digits of the national part; `A` stands for a letter. */
  readonly body: string;
}

export function ibanOf(dice: Dice, { country, body }: IbanForm): string {
  const own = [...body].map((one) => (one === "A" ? dice.text("ABCDEFG", 1) : dice.digits(1)));
  const national = own.join("");
  const number = [...`${national}${country}00`]
    .map((one) => (/\d/.test(one) ? one : String(one.charCodeAt(0) - 55)))
    .join("");
  const check = String(98 - Number(BigInt(number) % 97n)).padStart(2, "0");
  const whole = `${country}${check}${national}`;
  const grouped = whole.replace(/(.{4})(?=.)/g, "$1 ");
  return dice.pick([whole, grouped, whole.toLowerCase(), grouped.replaceAll(" ", "-")]);
}

export function ipOf(dice: Dice): string {
  const part = (): number => 1 + dice.below(254);
  const group = (): string => dice.text(hex, 4);
  return dice.pick([
    `10.${part()}.${part()}.${part()}`,
    `192.168.${dice.below(256)}.${part()}`,
    `${dice.pick([89, 141, 176, 203])}.${part()}.${part()}.${part()}`,
    `2001:db8:${group()}:${group()}::${dice.text(hex, 3)}1`,
    `fe80::${group()}:${group()}:${group()}:${group()}`,
  ]);
}

export function macOf(dice: Dice): string {
  const pairs = ["3c", ...Array.from({ length: 5 }, () => dice.text(hex, 2))];
  return dice.pick([pairs.join(":"), pairs.join(":").toUpperCase(), pairs.join("-")]);
}

/** What is written around a secret, and the secret itself in its middle. */
export function secretOf(dice: Dice): readonly [string, string, string] {
  const password = `${dice.text(letters, 5)}${dice.digits(2)}${dice.pick(["!", "&", "#x", "$Q"])}`;
  const long = dice.text(mixed, 32);
  return dice.pick<readonly [string, string, string]>([
    ["", `${"ghp_"}${dice.text(mixed, 36)}`, ""],
    ["", `${"AKIA"}${dice.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 16)}`, ""],
    ["", `${"hvs."}${dice.text(mixed, 28)}`, ""],
    ["", `${"dop_v1_"}${dice.text(hex, 64)}`, ""],
    ["", `${"SU"}${dice.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 56)}`, ""],
    ["", `${"eyJ"}${dice.text(mixed, 20)}.eyJ${dice.text(mixed, 30)}.${dice.text(mixed, 40)}`, ""],
    ["password=", password, ""],
    ["pwd: ", password, ""],
    ['"passphrase": "', password, '"'],
    ["api key: ", long, ""],
    ["API_TOKEN=", dice.text(hex, 40), ""],
    ["AccountKey=", `${dice.text(mixed, 86)}==`, ";"],
    ["postgres://app:", `${dice.text(letters, 6)}${dice.digits(3)}`, "@db:5432/x"],
    ["https://x.example/b?sv=1&sig=", `${dice.text(mixed, 30)}%3D`, "&se=2"],
    ["Cookie: session=", long, "; theme=dark"],
    ["Authorization: Bearer ", long, ""],
  ]);
}

export function ssnOf(dice: Dice): string {
  return (
    `${1 + dice.below(600) || 1}`.padStart(3, "0").replace("666", "665") +
    `-${10 + dice.below(89)}-${1000 + dice.below(8999)}`
  );
}

export function cpfOf(dice: Dice): string {
  const body = [...dice.digits(9)].map(Number);
  for (const length of [9, 10]) {
    const sum = body.reduce((total, digit, index) => total + digit * (length + 1 - index), 0);
    body.push(((sum * 10) % 11) % 10);
  }
  const digits = body.join("");
  return `${digits.slice(0, 3)}.${digits.slice(3, 6)}.${digits.slice(6, 9)}-${digits.slice(9)}`;
}

export function dniOf(dice: Dice): string {
  const number = dice.digits(8);
  return `${number}${"TRWAGMYFPDXBNJZSQVHLCKE"[Number(number) % 23]}`;
}

export function nirOf(dice: Dice): string {
  const body = `${1 + dice.below(2)}${dice.digits(2)}0${1 + dice.below(9)}${10 + dice.below(85)}${dice.digits(6)}`;
  const check = String(97 - Number(BigInt(body) % 97n)).padStart(2, "0");
  return dice.pick([body + check, `${body} ${check}`]);
}

export function personnummerOf(dice: Dice): string {
  const body = `${10 + dice.below(89)}0${1 + dice.below(9)}${10 + dice.below(18)}${dice.digits(3)}`;
  const whole = withLuhn(body);
  return `${whole.slice(0, 6)}-${whole.slice(6)}`;
}

export function dateOf(dice: Dice): string {
  const [day, month] = [1 + dice.below(28), 1 + dice.below(12)].map((one) =>
    String(one).padStart(2, "0"),
  );
  const year = 1930 + dice.below(80);
  return dice.pick([
    `${year}-${month}-${day}`,
    `${day}.${month}.${year}`,
    `${day}/${month}/${year}`,
  ]);
}
