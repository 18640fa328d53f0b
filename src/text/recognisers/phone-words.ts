/** Words around numbers: what announces a phone number, and what counts things instead. */

import { unspacedIs } from "./recogniser.ts";

/** A number of any form behind one of these is a phone number. */
const names =
  "tele?phones?|phones?|tel|mobiles?|mob|cell(?:phone|ular)?s?|fax(?:es)?|whatsapp|landline|hotline|helpline|switchboard|contact (?:no|number)|telefon(?:nummer|e|nr)?|handy(?:nummer)?|mobil(?:nummer|telefon|e|funk)?|rufnummer|festnetz|durchwahl|téléphone|tél|portable|teléfono|tlf|tfno|móvil|celular|telefone|telemóvel|telefono|cellulare|cell|telefoon(?:nummer)?|mobiel|puhelin|puh|komórka|телефон|тел|моб|τηλέφωνο|τηλ|κινητό|هاتف|جوال|फ़ोन|फोन|मोबाइल|电话|電話|手机|手機|携帯|휴대폰|전화|טלפון|נייד|điện thoại|đt|sđt|telepon";
/** These announce one only if the number is not that of something else. */
const verbs =
  "call(?:ed|ing)?|ring|rang|dial(?:led|ing)?|text|reach|contact|message|anruf|ruf|appelez|llam[ae]|chiama|bel|ring";
const between =
  "(?:(?:us|me|him|her|them|at|on|number|numbers|no|nr|nummer|núm|is|under|unter|auf|au|al|line|extension|direct|home|work|office)[.:]?[\\s(:]{0,2}){0,3}";
/** The same where no space stands around them; Thai without its marks, as folding leaves it. */
const unspacedNames =
  "电话|電話|手机|手機|携帯|热线|熱線|传真|傳真|연락처|휴대폰|핸드폰|전화|โทร(?:ศพท)?|เบอร|มอถอ";
const own = "(?:my|your|his|her|our|their)(?: \\p{L}{2,10})? number(?: is|:)?\\s?";

const announced = new RegExp(
  `(?:(?<!\\p{L})(?:${names})|${unspacedNames})(?:[-_ ]?numbers?|号码?|號碼?|番号|번호)?["'\`]?[.:]?${unspacedIs}?[\\s:：(#=_/-]{0,3}${between}["'\`]?\\(?$|(?<!\\p{L})${own}$`,
  "u",
);
const suggested = new RegExp(`(?<!\\p{L})(?:${verbs})\\.?[ \\t(]{0,3}${between}["'\`]?\\(?$`, "u");
/** `T: 0171 …` in a signature. */
const initial = /(?:^|[\s|,;(/·•])[tmfp][.:] {0,2}\(?$/;

export type Announcement = "none" | "weak" | "strong";

/** @param before lower case */
export function announcementIn(before: string): Announcement {
  if (!/\p{L}/u.test(before)) return "none";
  if (announced.test(before)) return "strong";
  return suggested.test(before) || initial.test(before) ? "weak" : "none";
}

const singular = new Set([
  "is",
  "was",
  "has",
  "as",
  "this",
  "does",
  "always",
  "thanks",
  "plus",
  "us",
]);
const units =
  /^ ?(?:[kmg]i?b|ms|ns|people|units?|percent|%|€|\$|usd|eur|mal|fois|veces|stück)(?!\p{L})/iu;

/** Whether a number counts what follows: `1000000 times`, `212 555 1234 items`. */
export function countsThings(after: string): boolean {
  if (units.test(after)) return true;
  const word = /^ (\p{Ll}{2,20}s)(?!\p{L})/u.exec(after)?.[1];
  return word !== undefined && !singular.has(word);
}
