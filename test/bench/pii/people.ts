/**
 * Sentences in ten locales with the name of a person or a postal address in each. Names are frequent
 * ones of each country, put together at random; nobody is meant.
 */

import { random } from "../../hot/documents.ts";
import { type Dice, diceOf } from "./values.ts";

export interface PlantedPerson {
  readonly locale: string;
  readonly kind: "NAME" | "ADDRESS";
  readonly before: string;
  readonly value: string;
  readonly after: string;
}

interface People {
  readonly given: string;
  readonly family: string;
  readonly streets: string;
  readonly towns: string;
  /** `#` is a digit, `S` a street, `T` a town. */
  readonly address: string;
  /** The family name comes first, without a blank. */
  readonly joined?: true;
  readonly names: readonly string[];
  readonly addresses: readonly string[];
}

const people: Readonly<Record<string, People>> = {
  "en-US": {
    given: "Mary James Linda Robert Ashley Tyrone Megan Carlos Brittany Dwayne",
    family: "Walker Johnson Nguyen Ramirez Kowalski O'Brien Washington Patel Schwartz Baker",
    streets: "Maple Avenue,Main Street,Oak Hill Road,Sunset Boulevard,5th Street",
    towns: "Springfield IL,Austin TX,Portland OR,Cleveland OH",
    address: "### S, T #####",
    names: [
      "I spoke with {} this morning.",
      "Assigned to {}.",
      "{} approved the refund on Friday.",
      "Patient: {}",
    ],
    addresses: ["Ship it to {}.", "Address: {}", "She moved to {} last year."],
  },
  "en-GB": {
    given: "Nigel Fiona Oliver Gemma Rhys Imogen Callum Priya Alistair Bethany",
    family: "Hughes Barnes Pritchard McAllister Okafor Singh Whitaker Fletcher Doyle Ashworth",
    streets: "High Street,Station Road,Church Lane,Victoria Terrace,Mill Close",
    towns: "Leeds LS1 4DY,Bristol BS8 1TH,York YO1 7HH,Cardiff CF10 1EP",
    address: "## S, T",
    names: [
      "Please ask {} to call back.",
      "Minutes taken by {}.",
      "{} rang about the invoice.",
      "Tenant: {}",
    ],
    addresses: ["The parcel went to {}.", "Address: {}", "He lives at {} now."],
  },
  "de-DE": {
    given: "Jürgen Heike Lukas Annegret Mehmet Sabine Thorsten Katharina Uwe Friederike",
    family: "Schmidt Vogel Yılmaz Krause Baumgartner Hofmann Lindemann Schröder Neumann Böhm",
    streets: "Hauptstraße,Gartenweg,Goethestraße,Am Markt,Bahnhofstraße",
    towns: "10115 Berlin,24103 Kiel,80331 München,01067 Dresden",
    address: "S ##, T",
    names: [
      "Das Gespräch mit {} war kurz.",
      "Ansprechpartner: {}",
      "{} hat den Antrag gestellt.",
      "Sehr geehrte Frau {},",
    ],
    addresses: ["Bitte an {} liefern.", "Anschrift: {}", "Er wohnt in {}."],
  },
  "fr-FR": {
    given: "Amélie Luc Océane Thierry Chloé Mathieu Fatima Guillaume Solène Benoît",
    family: "Moreau Girard Lefèvre Benali Dubois Chevalier Fontaine Rousseau Mercier Perrin",
    streets: "rue de Rivoli,avenue Foch,boulevard Voltaire,place Bellecour,rue des Lilas",
    towns: "75001 Paris,69002 Lyon,13001 Marseille,35000 Rennes",
    address: "## S, T",
    names: [
      "J'ai parlé avec {} ce matin.",
      "Responsable : {}",
      "{} a signé le contrat.",
      "Bonjour {},",
    ],
    addresses: ["Livrer au {}.", "Adresse : {}", "Elle habite {}."],
  },
  "es-ES": {
    given: "Pilar Ramón Lucía Javier Montserrat Álvaro Begoña Íñigo Rocío Sergio",
    family: "Ortega Vidal García Fernández Iglesias Castaño Navarro Domínguez Serrano Ibáñez",
    streets: "Calle Mayor,Avenida de América,Paseo del Prado,Calle Sol,Plaza Nueva",
    towns: "28013 Madrid,08002 Barcelona,41001 Sevilla,48005 Bilbao",
    address: "S ##, T",
    names: [
      "Hablé con {} esta mañana.",
      "Responsable: {}",
      "{} firmó el contrato.",
      "Estimado {}:",
    ],
    addresses: ["Enviar a {}.", "Dirección: {}", "Vive en {}."],
  },
  "it-IT": {
    given: "Chiara Paolo Giulia Matteo Alessandra Gennaro Beatrice Lorenzo Ilaria Salvatore",
    family: "Conti Greco Ferrari Esposito Lombardi Marchetti Bianchi Rinaldi Moretti Galli",
    streets: "Via Roma,Corso Vittorio Emanuele,Piazza Garibaldi,Viale Europa,Via Dante",
    towns: "00184 Roma,20121 Milano,70122 Bari,50123 Firenze",
    address: "S ##, T",
    names: [
      "Ho parlato con {} stamattina.",
      "Referente: {}",
      "{} ha firmato il contratto.",
      "Gentile {},",
    ],
    addresses: ["Spedire a {}.", "Indirizzo: {}", "Abita in {}."],
  },
  "pt-BR": {
    given: "João Marina Thiago Fernanda Caio Luciana Edson Beatriz Rafael Yasmin",
    family: "Souza Lima Oliveira Barbosa Cavalcanti Nascimento Teixeira Carvalho Moura Ribeiro",
    streets: "Rua das Flores,Avenida Paulista,Rua XV de Novembro,Travessa do Comércio,Rua Augusta",
    towns: "São Paulo SP 01310-100,Recife PE 50030-230,Curitiba PR 80020-310",
    address: "S, ###, T",
    names: ["Falei com {} hoje cedo.", "Responsável: {}", "{} assinou o contrato.", "Prezada {},"],
    addresses: ["Entregar na {}.", "Endereço: {}", "Mora na {}."],
  },
  "nl-NL": {
    given: "Sanne Pieter Femke Bram Anouk Joost Fatma Maarten Lieke Sjoerd",
    family: "Bakker Smit Visser Dijkstra Hoekstra Kuipers Vermeulen Postma Mulder Brouwer",
    streets: "Dorpsstraat,Kerkweg,Prinsengracht,Stationsplein,Molenlaan",
    towns: "1012 AB Amsterdam,3511 CE Utrecht,2611 GC Delft,9711 LM Groningen",
    address: "S ##, T",
    names: [
      "Ik sprak {} vanochtend.",
      "Contactpersoon: {}",
      "{} heeft het contract getekend.",
      "Beste {},",
    ],
    addresses: ["Bezorgen op {}.", "Adres: {}", "Hij woont aan de {}."],
  },
  "sv-SE": {
    given: "Åsa Lars Elin Håkan Maja Göran Ingrid Olle Sofia Björn",
    family: "Lindqvist Berg Andersson Sjöberg Nyström Ekman Holmgren Åkesson Wallin Dahl",
    streets: "Storgatan,Kungsgatan,Skolvägen,Björkvägen,Drottninggatan",
    towns: "111 51 Stockholm,222 22 Lund,411 03 Göteborg,753 20 Uppsala",
    address: "S ##, T",
    names: ["Jag talade med {} i morse.", "Handläggare: {}", "{} skrev under avtalet.", "Hej {},"],
    addresses: ["Leverera till {}.", "Adress: {}", "Hon bor på {}."],
  },
  "ja-JP": {
    given: "陽菜 健二 美咲 翔太 直樹 由美子 大輔 恵子",
    family: "佐藤 森 高橋 渡辺 小林 山本 中村 吉田",
    streets: "丸の内,梅田,栄町,本町",
    towns: "東京都千代田区,大阪市北区,名古屋市中区,札幌市中央区",
    address: "TS#-#-#",
    joined: true,
    names: ["今朝、{}さんと話しました。", "担当: {}", "{}が契約に署名しました。"],
    addresses: ["{}に送ってください。", "住所: {}", "彼女は{}に住んでいます。"],
  },
};

export function plantedPeople(perKind: number, seed: number): readonly PlantedPerson[] {
  const dice = diceOf(random(seed));
  return Object.entries(people).flatMap(([locale, own]) =>
    Array.from({ length: perKind }, () => [
      plant({ locale, kind: "NAME", sentence: dice.pick(own.names), value: nameOf(dice, own) }),
      plant({
        locale,
        kind: "ADDRESS",
        sentence: dice.pick(own.addresses),
        value: addressOf(dice, own),
      }),
    ]).flat(),
  );
}

function plant(of: {
  readonly locale: string;
  readonly kind: PlantedPerson["kind"];
  readonly sentence: string;
  readonly value: string;
}): PlantedPerson {
  const [before = "", after = ""] = of.sentence.split("{}");
  return { locale: of.locale, kind: of.kind, before, value: of.value, after };
}

function nameOf(dice: Dice, { given, family, joined }: People): string {
  const [first, last] = [dice.pick(given.split(" ")), dice.pick(family.split(" "))];
  return joined === true ? last + first : `${first} ${last}`;
}

function addressOf(dice: Dice, { streets, towns, address }: People): string {
  const [street, town] = [dice.pick(streets.split(",")), dice.pick(towns.split(","))];
  return address
    .replace(/#+/g, (digits) => String(1 + dice.below(9)) + dice.digits(digits.length - 1))
    .replace(/[ST]/g, (place) => (place === "S" ? street : town));
}
