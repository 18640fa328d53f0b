import type { Effort } from "./effort.ts";
import * as checks from "./national-id-checks.ts";
import {
  compact,
  followsWord,
  isWordCharacter,
  joined,
  type Recogniser,
  unspacedIs,
} from "./recogniser.ts";

interface Form {
  readonly shape: string;
  readonly isValid: (compacted: string) => boolean;
  /** Words that must stand before it where the form alone says too little. */
  readonly label?: string;
}

/** Which numbers are known, and what tells them from others: check digits, dates, labels. */
const forms: readonly Form[] = [
  // United States, social security number
  { shape: "\\d{3}-\\d{2}-\\d{4}", isValid: checks.isSsn },
  { shape: "\\d{3} ?\\d{2} ?\\d{4}", isValid: checks.isSsn, label: "ssn|social security" },
  // Brazil, CPF
  { shape: "\\d{3}\\.\\d{3}\\.\\d{3}-\\d{2}", isValid: checks.isCpf },
  { shape: "\\d{11}", isValid: checks.isCpf, label: "cpf" },
  // Switzerland, AHV
  { shape: "756\\.?\\d{4}\\.?\\d{4}\\.?\\d{2}", isValid: checks.isEan13 },
  // Belgium
  { shape: "\\d{2}\\.\\d{2}\\.\\d{2}-\\d{3}\\.\\d{2}", isValid: checks.isBelgian },
  // Sweden (and Finland, where the check is a digit); Denmark; Finland; Norway
  {
    shape: "(?:19|20)?\\d{6}[-+]\\d{4}",
    isValid: (text) => checks.isSwedish(text) || checks.isFinnish(text),
  },
  { shape: "\\d{6}-?\\d{4}", isValid: checks.hasDayMonth, label: "cpr|cpr-nr" },
  { shape: "\\d{6}[-+A]\\d{3}[0-9A-Y]", isValid: checks.isFinnish },
  { shape: "\\d{6} ?\\d{5}", isValid: checks.isNorwegian },
  // France, NIR
  {
    shape: "[12] ?\\d{2} ?\\d{2} ?(?:\\d{2}|2[AB]) ?\\d{3} ?\\d{3} ?\\d{2}",
    isValid: checks.isFrench,
  },
  // Spain, DNI and NIE; Italy; United Kingdom
  { shape: "(?:\\d{8}|[XYZ]-?\\d{7})-?[A-Z]", isValid: checks.isSpanish },
  { shape: "[A-Z]{6}\\d{2}[A-EHLMPRST]\\d{2}[A-Z]\\d{3}[A-Z]", isValid: checks.isItalian },
  { shape: "[A-Z]{2} \\d{2} \\d{2} \\d{2} [A-D]", isValid: checks.isBritish },
  {
    shape: "[A-Z]{2}\\d{6}[A-D]",
    isValid: checks.isBritish,
    label: "ni|nino|national insurance",
  },
  // China; Korea; Japan
  { shape: "\\d{17}[0-9X]", isValid: checks.isChinese },
  { shape: "\\d{6}-[1-8]\\d{6}", isValid: checks.hasYearFirst },
  {
    shape: "\\d{4}[ -]?\\d{4}[ -]?\\d{4}",
    isValid: () => true,
    label: "my number|マイナンバー|個人番号",
  },
  // India, Aadhaar and PAN
  { shape: "\\d{4}[ -]?\\d{4}[ -]?\\d{4}", isValid: checks.isAadhaar, label: "aadhaar|aadhar|uid" },
  { shape: "[A-Z]{5}\\d{4}[A-Z]", isValid: () => true, label: "pan" },
  // Germany, tax number; Poland; Netherlands; Canada
  {
    shape: "\\d{2} ?\\d{3} ?\\d{3} ?\\d{3}",
    isValid: checks.isGermanTax,
    label:
      "steuer-?id\\p{L}*|steueridentifikationsnummer|steuerliche identifikationsnummer|idnr|tin",
  },
  { shape: "\\d{11}", isValid: checks.isPesel, label: "pesel" },
  { shape: "\\d{9}", isValid: checks.isBsn, label: "bsn|burgerservicenummer|sofinummer" },
  {
    shape: "\\d{3}[ -]?\\d{3}[ -]?\\d{3}",
    isValid: checks.isLuhn,
    label: "sin|social insurance",
  },
  // Passports, of any country
  {
    shape: "(?=[A-Z]{0,2}\\d)[A-Z0-9]{6,9}",
    isValid: () => true,
    label:
      "passport|reisepass|passeport|pasaporte|passaporto|passaporte|paspoort|护照|護照|паспорт",
  },
];

const after = `(?!${joined}|_|[.-]\\d)`;
const numberWords = `(?: ?(?:no|nr|number|num|nummer|numéro|número|numero|id|#)\\b\\.?|号码?|號碼?|番号|번호)?["'\`]?[\\s:=：#]{0,3}(?:is |${unspacedIs} ?)?["'\`]?`;
const labelCharsMax = 48;
/** Where one may begin: digits, or capital letters with digits behind them. */
const startPattern = /\d+|[A-Z]{1,6}(?=-? ?\d)/g;
/** How those begin that need no label: cheap, and it leaves out most numbers. */
const plainStart =
  /\d{3}[-.]\d|\d\d\.\d|\d{6}[-+A ]\d|\d{8}[-+A-Z]|[12] \d\d ?\d\d ?\d|\d{10,18}|[A-Z]/y;
const charsMax = 24;
const joints = "._-";

interface Compiled extends Form {
  readonly pattern: RegExp;
  readonly before: RegExp | undefined;
}

const compiled = forms.map((form): Compiled => {
  const { shape, label } = form;
  if (label === undefined) return { ...form, pattern: anchored(shape, "u"), before: undefined };
  const before = new RegExp(`(?<!${joined})(?:${label})${numberWords}$`, "iu");
  return { ...form, pattern: anchored(shape, "iu"), before };
});
const plain = compiled.filter(({ before }) => before === undefined);
const labelled = compiled.filter(({ before }) => before !== undefined);
/** Of any kind: asked first, because hardly any number has one of these forms. */
const anyPlain = anchored(plain.map(({ shape }) => `(?:${shape})`).join("|"), "u");
const anyLabelled = anchored(labelled.map(({ shape }) => `(?:${shape})`).join("|"), "iu");
const anyLabel = new RegExp(
  `(?<!${joined})(?:${labelled.map(({ label }) => label).join("|")})${numberWords}$`,
  "iu",
);

function anchored(shape: string, flags: string): RegExp {
  return new RegExp(`^(?:${shape})${after}`, flags);
}

/** Numbers that states give to persons. */
export const nationalId: Recogniser = {
  kind: "NATIONAL_ID",
  *find(text, effort) {
    for (const { index } of text.matchAll(startPattern)) {
      const chars = numberAt(text, index, effort);
      if (chars !== undefined) yield { start: index, end: index + chars };
    }
  },
  normal: compact,
};

/** How many characters the number at a place has; undefined where none begins. */
function numberAt(text: string, start: number, effort: Effort): number | undefined {
  plainStart.lastIndex = start;
  const mayBePlain = plainStart.test(text);
  const mayBeLabelled = followsWord(text, start);
  if (!mayBePlain && !mayBeLabelled) return undefined;
  const previous = text[start - 1];
  if (isWordCharacter(previous) || joints.includes(previous ?? " ")) return undefined;
  effort.visit(charsMax);
  const ahead = text.slice(start, start + charsMax);
  if (mayBePlain && anyPlain.test(ahead)) {
    const found = matched(plain, ahead);
    if (found !== undefined) return found;
  }
  if (!mayBeLabelled || !anyLabelled.test(ahead)) return undefined;
  const behind = text.slice(Math.max(0, start - labelCharsMax), start);
  if (!anyLabel.test(behind)) return undefined;
  return matched(
    labelled.filter(({ before }) => before?.test(behind)),
    ahead,
  );
}

function matched(candidates: readonly Compiled[], ahead: string): number | undefined {
  for (const { pattern, isValid } of candidates) {
    const written = pattern.exec(ahead)?.[0];
    if (written !== undefined && isValid(compact(written))) return written.length;
  }
  return undefined;
}
