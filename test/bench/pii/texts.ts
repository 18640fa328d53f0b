/** Sentences in ten locales, each with one value; the same for each seed. */

import type { CountryCode } from "libphonenumber-js/max";
import { random } from "../../hot/documents.ts";
import * as values from "./values.ts";
import { type Dice, diceOf, type IbanForm } from "./values.ts";

export interface Planted {
  readonly locale: string;
  readonly kind: string;
  readonly before: string;
  readonly value: string;
  readonly after: string;
}

interface Locale {
  readonly name: string;
  readonly country: CountryCode;
  readonly names: readonly string[];
  /** Around any value: `{}` is where it stands. */
  readonly sentences: readonly string[];
  readonly phone: readonly string[];
  readonly birth: readonly string[];
  readonly iban?: IbanForm;
  readonly id?: { readonly label: string; readonly of: (dice: Dice) => string };
}

const locales: readonly Locale[] = [
  {
    name: "en-US",
    country: "US",
    names: ["mary", "james", "linda", "walker", "otis"],
    sentences: ["Please note {} in the file.", "We got {} yesterday, thanks.", "- {}"],
    phone: ["Call me at {} tomorrow.", "Phone: {}", "My cell is {}, text me."],
    birth: ["Date of birth: {}", "DOB {}"],
    id: { label: "SSN {}", of: values.ssnOf },
  },
  {
    name: "en-GB",
    country: "GB",
    names: ["nigel", "fiona", "hughes", "barnes"],
    sentences: ["The form says {} at the top.", "Cheers, {} it was.", "({})"],
    phone: ["Ring {} after five.", "Mobile: {}", "Tel. {}"],
    birth: ["born on {} in Leeds", "Date of birth {}"],
    iban: { country: "GB", body: "AAAA00000000000000" },
  },
  {
    name: "de-DE",
    country: "DE",
    names: ["jürgen", "heike", "schmidt", "vogel"],
    sentences: ["Bitte {} in die Akte übernehmen.", "Wir haben {} erhalten.", "» {} «"],
    phone: ["Telefon: {}", "Mobil {}", "Sie erreichen mich unter Tel. {} oder per Post."],
    birth: ["Geburtsdatum: {}", "geboren am {} in Kiel"],
    iban: { country: "DE", body: "000000000000000000" },
  },
  {
    name: "fr-FR",
    country: "FR",
    names: ["amélie", "luc", "moreau", "girard"],
    sentences: ["Merci de noter {} dans le dossier.", "Nous avons reçu {} hier.", "« {} »"],
    phone: ["Tél. : {}", "Téléphone {}", "Mon portable : {}"],
    birth: ["Date de naissance : {}", "née le {} à Lyon"],
    iban: { country: "FR", body: "00000000000000000000000" },
    id: { label: "Sécurité sociale {}", of: values.nirOf },
  },
  {
    name: "es-ES",
    country: "ES",
    names: ["pilar", "ramón", "ortega", "vidal"],
    sentences: ["Anote {} en el expediente.", "Recibimos {} ayer.", "* {}"],
    phone: ["Teléfono: {}", "Móvil {}", "Llame al móvil {} por la tarde."],
    birth: ["Fecha de nacimiento: {}", "nacido el {} en Vigo"],
    iban: { country: "ES", body: "00000000000000000000" },
    id: { label: "DNI {}", of: values.dniOf },
  },
  {
    name: "it-IT",
    country: "IT",
    names: ["chiara", "paolo", "conti", "greco"],
    sentences: ["Annotare {} nella pratica.", "Abbiamo ricevuto {} ieri.", "[{}]"],
    phone: ["Telefono: {}", "Cellulare {}", "Tel. {}"],
    birth: ["Data di nascita: {}", "nata il {} a Bari"],
    iban: { country: "IT", body: "A0000000000000000000000" },
  },
  {
    name: "pt-BR",
    country: "BR",
    names: ["joão", "marina", "souza", "lima"],
    sentences: ["Favor anotar {} no cadastro.", "Recebemos {} ontem.", "{};"],
    phone: ["Telefone: {}", "Celular {}", "Meu celular: {}"],
    birth: ["Data de nascimento: {}", "nascida em {} em Recife"],
    id: { label: "CPF {}", of: values.cpfOf },
  },
  {
    name: "nl-NL",
    country: "NL",
    names: ["sanne", "pieter", "bakker", "smit"],
    sentences: ["Noteer {} in het dossier.", "We kregen {} gisteren.", "{},"],
    phone: ["Telefoon: {}", "Mobiel {}", "Tel: {}"],
    birth: ["Geboortedatum: {}", "geboren op {} te Delft"],
    iban: { country: "NL", body: "AAAA0000000000" },
  },
  {
    name: "sv-SE",
    country: "SE",
    names: ["åsa", "lars", "lindqvist", "berg"],
    sentences: ["Notera {} i akten.", "Vi fick {} igår.", "{}!"],
    phone: ["Telefon: {}", "Mobil {}", "Tel. {}"],
    birth: ["Födelsedatum: {}", "född den {} i Lund"],
    iban: { country: "SE", body: "00000000000000000000" },
    id: { label: "Personnummer {}", of: values.personnummerOf },
  },
  {
    name: "ja-JP",
    country: "JP",
    names: ["haruka", "kenji", "sato", "mori"],
    sentences: ["記録に {} と記入してください。", "昨日 {} を受け取りました。", "「{}」"],
    phone: ["電話: {}", "携帯 {}", "携帯電話：{}"],
    birth: ["生年月日: {}", "生年月日 {}"],
  },
];

export function plantedTexts(perKind: number, seed: number): readonly Planted[] {
  const dice = diceOf(random(seed));
  return locales.flatMap((locale) =>
    Array.from({ length: perKind }, () => plantedIn(locale, dice)).flat(),
  );
}

function plantedIn(locale: Locale, dice: Dice): readonly Planted[] {
  const { name, country, names, sentences, phone, birth, iban, id } = locale;
  const plant = (kind: string, sentence: string, value: string): Planted => {
    const [before = "", after = ""] = sentence.split("{}");
    return { locale: name, kind, before, value, after };
  };
  const plain = (): string => dice.pick(sentences);
  const [opening, secret, closing] = values.secretOf(dice);
  return [
    plant("EMAIL", plain(), values.emailOf(dice, names)),
    plant("PHONE", plain(), values.internationalPhone(dice, country)),
    plant("PHONE", dice.pick(phone), values.nationalPhone(dice, country)),
    plant("CARD", plain(), values.cardOf(dice)),
    plant("IP", plain(), values.ipOf(dice)),
    plant("MAC", plain(), values.macOf(dice)),
    plant("API_KEY", `${opening}{}${closing}`, secret),
    plant("BIRTH_DATE", dice.pick(birth), values.dateOf(dice)),
    ...(iban === undefined ? [] : [plant("IBAN", plain(), values.ibanOf(dice, iban))]),
    ...(id === undefined ? [] : [plant("NATIONAL_ID", id.label, id.of(dice))]),
  ];
}
