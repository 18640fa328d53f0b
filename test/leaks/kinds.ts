/**
 * Values that must not leave DOCS: 35 kinds of those that redaction promises to replace, made up by
 * chance, each one only once, with what people write around it.
 */

import { createHash } from "node:crypto";
import * as values from "../bench/pii/values.ts";
import { type Dice, diceOf } from "../bench/pii/values.ts";
import { random } from "../hot/documents.ts";

export interface Plant {
  readonly kind: string;
  /** `before + value + after` is what a document holds; the value alone is the secret. */
  readonly before: string;
  readonly value: string;
  readonly after: string;
}

type Maker = (dice: Dice) => readonly [before: string, value: string, after: string];

const lower = "abcdefghijklmnopqrstuvwxyz";
const mixed = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz0123456789";
const base32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const hex = "0123456789abcdef";
const alphabet58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";

const word = (dice: Dice): string => dice.text(lower, 12);
const password = (dice: Dice): string => `${dice.text(lower, 6)}${dice.digits(4)}!q`;
const host = (dice: Dice): string => `${dice.text(lower, 10)}.example`;
const bare = (make: (dice: Dice) => string): Maker => {
  return (dice) => ["", make(dice), ""];
};

const makers: Readonly<Record<string, Maker>> = {
  email: bare((dice) => `${word(dice)}@${host(dice)}`),
  "email in a URL": (dice) => ["mailto:", `${word(dice)}%40${host(dice)}`, "?subject=x"],
  "email in HTML": bare((dice) => `${word(dice)}&#64;${host(dice)}`),
  "phone, international": bare((dice) => values.internationalPhone(dice, "DE")),
  "phone, national": (dice) => ["Phone: ", values.nationalPhone(dice, "GB"), ""],
  card: bare((dice) => values.cardOf(dice)),
  "IBAN of Germany": bare((dice) =>
    values.ibanOf(dice, { country: "DE", body: "000000000000000000" }),
  ),
  "IBAN of France": (dice) => [
    "IBAN ",
    values.ibanOf(dice, { country: "FR", body: "00000000000000000000000" }),
    ",",
  ],
  IPv4: bare((dice) => `10.${100 + dice.below(155)}.${100 + dice.below(155)}.${dice.below(255)}`),
  IPv6: bare((dice) => `2001:db8:${dice.text(hex, 4)}:${dice.text(hex, 4)}::${dice.text(hex, 3)}1`),
  MAC: bare((dice) => values.macOf(dice)),
  "GitHub token": bare((dice) => `${"ghp_"}${dice.text(mixed, 36)}`),
  "AWS key": bare((dice) => `${"AKIA"}${dice.text(base32, 16)}`),
  "Vault token": bare((dice) => `${"hvs."}${dice.text(mixed, 28)}`),
  "DigitalOcean token": bare((dice) => `${"dop_v1_"}${dice.text(hex, 64)}`),
  "NATS seed": bare((dice) => `${"SU"}A${dice.text(base32, 55)}`),
  "OpenAI key": bare((dice) => `${"sk-"}proj-1${dice.text(mixed, 30)}`),
  "JSON Web Token": bare(
    (dice) => `${"eyJ"}${dice.text(mixed, 20)}.eyJ${dice.text(mixed, 30)}.${dice.text(mixed, 40)}`,
  ),
  "private key": bare(
    (dice) =>
      `-----BEGIN ${"PRIVATE"} KEY-----\n${dice.text(mixed, 64)}\n${dice.text(mixed, 40)}==\n-----END ${"PRIVATE"} KEY-----`,
  ),
  "password of a setting": (dice) => ["password=", password(dice), ""],
  "password in words": (dice) => ["pwd: ", password(dice), ""],
  "passphrase in JSON": (dice) => ['"passphrase": "', password(dice), '"'],
  "key by its name": (dice) => ["api key: ", dice.text(mixed, 32), ""],
  "token by its name": (dice) => ["API_TOKEN=", dice.text(hex, 40), ""],
  "key of a storage account": (dice) => ["AccountKey=", `${dice.text(mixed, 86)}==`, ";"],
  "password in a URL": (dice) => [
    "postgres://app:",
    `${word(dice)}${dice.digits(3)}`,
    "@db:5432/x",
  ],
  "signature in a URL": (dice) => ["https://x.example/b?sv=1&sig=", dice.text(mixed, 30), "&se=2"],
  cookie: (dice) => ["Cookie: session=", dice.text(mixed, 32), "; theme=dark"],
  "bearer token": (dice) => ["Authorization: Bearer ", dice.text(mixed, 32), ""],
  "social security number": (dice) => ["SSN ", values.ssnOf(dice), ""],
  CPF: (dice) => ["CPF ", values.cpfOf(dice), ""],
  NIR: (dice) => ["Sécurité sociale ", values.nirOf(dice), ""],
  personnummer: (dice) => ["Personnummer ", values.personnummerOf(dice), ""],
  "date of birth": (dice) => ["Date of birth: ", birthDateOf(dice), ""],
  "address of Bitcoin": bare(bitcoinOf),
  "address of Ethereum": bare((dice) => `0x${dice.text(hex, 40)}`),
};

export const plantKinds: readonly string[] = Object.keys(makers);

/** Of a form that no other date in a store has. */
function birthDateOf(dice: Dice): string {
  const part = (below: number): string => String(1 + dice.below(below)).padStart(2, "0");
  return `${part(28)}.${part(12)}.19${10 + dice.below(70)}`;
}

function bitcoinOf(dice: Dice): string {
  const body = Buffer.from(`00${dice.text(hex, 40)}`, "hex");
  const sha256 = (bytes: Buffer): Buffer => createHash("sha256").update(bytes).digest();
  const whole = Buffer.concat([body, sha256(sha256(body)).subarray(0, 4)]);
  let number = BigInt(`0x${whole.toString("hex")}`);
  let digits = "";
  for (; number > 0n; number /= 58n) digits = alphabet58[Number(number % 58n)] + digits;
  return `1${digits}`;
}

/** The same plants for the same seed, no value twice. */
export class Plants {
  readonly #dice: Dice;
  readonly #given = new Set<string>();
  #next = 0;

  constructor(seed: number) {
    this.#dice = diceOf(random(seed));
  }

  get dice(): Dice {
    return this.#dice;
  }

  /** Of all kinds in turn. */
  next(): Plant {
    const kind = plantKinds[this.#next % plantKinds.length] as string;
    this.#next += 1;
    return this.of(kind);
  }

  of(kind: string): Plant {
    const make = makers[kind];
    if (make === undefined) throw new RangeError(`no kind ${kind}`);
    for (;;) {
      const [before, value, after] = make(this.#dice);
      if (this.#given.has(value)) continue;
      this.#given.add(value);
      return { kind, before, value, after };
    }
  }
}

export const written = ({ before, value, after }: Plant): string => before + value + after;
