import type { Effort } from "./effort.ts";
import * as checks from "./national-id-checks.ts";
import { compact, type Recogniser } from "./recogniser.ts";

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
    label: "passport|reisepass|passeport|pasaporte|passaporto|passaporte|paspoort|护照|паспорт",
  },
];

const before = "(?<![\\p{L}\\p{N}_.-])";
const after = "(?![\\p{L}\\p{N}_]|[.-]\\d)";
const numberWords =
  "(?: ?(?:no|nr|number|num|nummer|numéro|número|numero|id|#)\\b\\.?)?[\"'`]?[\\s:=：#]{0,3}(?:is )?[\"'`]?";

const plain = forms.filter(({ label }) => label === undefined);
const labelled = forms.filter(({ label }) => label !== undefined);
const plainPattern = new RegExp(
  `${before}(?:${plain.map(({ shape }) => `(${shape})`).join("|")})${after}`,
  "gu",
);
const labelledPattern = new RegExp(
  `(?<![\\p{L}\\p{N}])(?:${labelled
    .map(({ label, shape }) => `(?:${label})${numberWords}(${shape})`)
    .join("|")})${after}`,
  "giu",
);

/** Numbers that states give to persons. */
export const nationalId: Recogniser = {
  kind: "NATIONAL_ID",
  *find(text, effort) {
    yield* matches(text, { pattern: plainPattern, forms: plain }, effort);
    yield* matches(text, { pattern: labelledPattern, forms: labelled }, effort);
  },
  normal: compact,
};

function* matches(
  text: string,
  { pattern, forms: all }: { readonly pattern: RegExp; readonly forms: readonly Form[] },
  effort: Effort,
) {
  for (const match of text.matchAll(pattern)) {
    const at = match.findIndex((group, index) => index > 0 && group !== undefined);
    const written = match[at] ?? "";
    effort.visit(written.length);
    if (all[at - 1]?.isValid(compact(written)) !== true) continue;
    const end = match.index + match[0].length;
    yield { start: end - written.length, end };
  }
}
