import { joined, type Recogniser, unspacedIs } from "./recogniser.ts";

/** A label of a form, or "born on": a date alone, and a year of birth, say little of anyone. */
const labels =
  "date of birth|birth ?dates?|birthdays?|d\\.?o\\.?b\\.?|born on|geburtsdatum|geburtstag|geb\\.|geboren am|date de naissance|née? le|fecha de nacimiento|nacid[oa] el|data di nascita|nat[oa] il|data de nascimento|nascid[oa] em|geboortedatum|geboren op|födelsedatum|född(?: den)?|fødselsdato|født(?: den)?|syntymäaika|data urodzenia|urodzon[ya]|doğum tarihi|дата рождения|生年月日|出生日期|생년월일";
const months =
  "jan|feb|mar|mär|apr|ma[ijy]|jun|jul|aug|sep|o[ck]t|nov|de[cz]|janv|févr|avr|juin|juil|août|déc|ene|abr|ago|dic|gen|mag|giu|lug|set|ott|fev|out|dez";
const year = "(?:19\\d\\d|20[0-3]\\d)";
const dates = [
  `${year}[-./]\\d{1,2}[-./]\\d{1,2}`,
  `\\d{1,2}[-./] ?\\d{1,2}[-./] ?(?:${year}|\\d\\d)`,
  `\\d{1,2}(?:st|nd|rd|th|\\.|º)? ?(?:of |de )?(?:${months})\\p{L}{0,9}\\.?,? (?:de )?${year}`,
  `(?:${months})\\p{L}{0,9}\\.? \\d{1,2}(?:st|nd|rd|th)?,? ${year}`,
  `${year} ?年 ?\\d{1,2} ?月 ?\\d{1,2} ?日`,
  `${year}년 ?\\d{1,2}월 ?\\d{1,2}일`,
];
const pattern = new RegExp(
  `(?<!${joined})(?:${labels})["'\`]?${unspacedIs}?[ \\t]{0,3}[:=：(-]?[ \\t]{0,3}(?:is )?["'\`]?(${dates.join("|")})(?!\\d)`,
  "giu",
);

/** Cheap: most texts have none of the labels. */
const gate =
  /birth|born on|d\.?o\.?b|geb\.|geburt|geboren|naissance|née? le|nacimiento|nacid|nascita|nat[oa] il|nasc|geboorte|födelse|född|fødsel|født|syntym|urodz|doğum|рождения|生年|出生|생년/i;

/** Dates of birth behind their label. */
export const birthDate: Recogniser = {
  kind: "BIRTH_DATE",
  *find(text) {
    if (!gate.test(text)) return;
    for (const { 0: match, 1: date = "", index } of text.matchAll(pattern)) {
      const end = index + match.length;
      yield { start: end - date.length, end };
    }
  },
  normal: (value) => value.toLowerCase().replace(/\s+/g, " "),
};
