import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { bm25, type CorpusStats, termCounts, terms } from "../../src/text/lexical.ts";
import { codePoint } from "../support/code-point.ts";
import { runs } from "../support/runs.ts";

describe("terms", () => {
  test("a word matches whatever its case, accents or ending", () => {
    expect(terms("Connections")).toEqual(terms("connected"));
    expect(terms("CAFÉ")).toEqual(terms("cafe"));
    expect(terms("ﬁnal")).toEqual(terms("final"));
  });

  test("an identifier is found by its parts and by its whole name", () => {
    expect(terms("maxAckPending")).toEqual(["max", "ack", "pend", "maxackpend"]);
    expect(terms("max_ack_pending")).toEqual(terms("maxAckPending"));
    expect(terms("fs.readFile")).toContain("fs.readfile");
    expect(terms("HTTPServer")).toEqual(["http", "server", "httpserver"]);
    expect(terms("nats-server 2.15.1")).toContain("2.15.1");
  });

  test.each([
    ["a load of 5kg", "5 kg"],
    ["a load of 5 kg", "5kg"],
    ["a lens of 12,5µm", "5 µm"],
    ["code err-1042", "err1042"],
    ["code err1042", "err-1042"],
    ["gateway v12.3", "12"],
    ["1,375,000 EUR", "1375000"],
    ["1375000 EUR", "1,375,000"],
    ["1\u202f375 €", "1375"],
    ["1'375 CHF", "1375"],
    ["1.375 Stück", "1375"],
    ["rooms 101,102,103", "102"],
  ])("a number is found however it is written: %j by %j", (written, asked) => {
    // What is written in another way has more words in common than its whole.
    const shared = terms(asked).filter((term) => terms(written).includes(term));
    const digits = shared.join(" ").replace(/\D/g, "");
    expect(digits).toContain(asked.replace(/\D/g, ""));
  });

  test("letters and digits that alternate stay one word, and part where they meet once", () => {
    expect(terms("9f86d081884c7d65")).toEqual(["9f86d081884c7d65"]);
    expect(terms("err1042")).toEqual(["err", "1042", "err1042"]);
    expect(terms("err-1042")).toEqual(terms("err1042"));
    expect(terms("24V")).toEqual(["24", "v", "24v"]);
    expect(terms("1,000.50")).toEqual(["1", "000", "1000", "50", "1000.50"]);
    expect(terms("1,2345")).toEqual(["1", "2345"]);
  });

  test("stop words go only when something remains", () => {
    expect(terms("what is the watermark")).toEqual(["watermark"]);
    expect(terms("To be or not to be")).toEqual(["to", "be", "or", "not", "to", "be"]);
  });

  test("possessives and contractions are one word", () => {
    expect(terms("the user's file")).toEqual(["user", "file"]);
    expect(terms("C++ and C#")).toEqual(["c++", "c#"]);
  });

  test.each([
    ["İstanbul'da", "istanbul"],
    ["İzmir’e", "İZMİR"],
    ["2024'te", "2024"],
    ["U.S.A.", "USA"],
    ["J.R.R. Tolkien", "jrr"],
  ])("what stands before an ending, or between dots: %j is found by %j", (written, asked) => {
    expect(terms(written)).toEqual(expect.arrayContaining(terms(asked)));
  });

  test.each([
    ["initials", "N.A.T.O.", "NATO"],
    ["a version", "v2.0.0", "2.0.0"],
    ["a hyphen", "e-mail co-operation wi-fi", "email cooperation wifi"],
    ["words of an identifier", "E_CONN_REFUSED", "e-conn-refused"],
    ["a madda", "ءَامِنُوا۟", "آمنوا"],
    ["a non-joiner", "کتاب\u200cها", "کتاب-ها"],
  ])("two ways to write one name have it in common: %s", (_what, one, other) => {
    expect(terms(one)).toEqual(expect.arrayContaining(terms(other)));
  });

  test.each([
    ["ISBN 978-3-16-148410-0", "9783161484100"],
    ["ISBN 0-306-40615-2", "0306406152"],
    ["50x70 cm", "70"],
    ["50×70 cm", "50"],
    ["120m³", "120"],
    ["120m³", "m3"],
    ["0x80070005", "80070005"],
    ["Müller", "Mueller"],
    ["Mu\u0308ller", "Muller"],
    ["MÜLLER-Straße", "mueller"],
    ["Ålesund", "Aalesund"],
    ["Ørsted", "Oersted"],
    ["Ørsted", "Orsted"],
  ])("%j is found by %j", (written, asked) => {
    expect(terms(written)).toEqual(expect.arrayContaining(terms(asked)));
  });

  test("a range is no number, and letters of initials are no words", () => {
    expect(terms("1-12")).toEqual(["1", "12", "1-12"]);
    expect(terms("N.A.T.O.")).toEqual(["nato"]);
    expect(terms("see a.b")).toEqual(["see", "b", "a.b", "ab"]);
  });

  test("names in capitals are no stop words, unless all is in capitals", () => {
    expect(terms("Customers in the US ask IT and the WHO")).toEqual(
      expect.arrayContaining(["US", "IT", "WHO"]),
    );
    expect(terms("U.S. customers")).toEqual(["US", "custom"]);
    expect(terms("who told us about it, friends?")).toEqual(["told", "friend"]);
    expect(terms("WHO TOLD US ABOUT IT?")).toEqual(["told"]);
    expect(terms("US")).toEqual(["US"]);
  });

  test("contractions of English get no second word", () => {
    expect(terms("they're we've don't Kyiv's o'clock")).toEqual(terms("kyiv o'clock don't"));
  });

  test("scripts without spaces are cut into bigrams, also inside a Latin word", () => {
    expect(terms("東京都")).toEqual(["東京", "京都"]);
    expect(terms("猫")).toEqual(["猫"]);
    expect(terms("Node入門")).toEqual(["node", "入門"]);
    expect(terms("한국어")).toEqual(["한국", "국어"]);
  });

  test.each([
    ["Thai", "ประกาศการจ่ายน้ำประปาในหมู่บ้าน", "น้ำประปา"],
    ["Lao", "ປະກາດເລື່ອງໂຮງຮຽນໃນໝູ່ບ້ານ", "ໂຮງຮຽນ"],
    ["Khmer", "សេចក្តីជូនដំណឹងអំពីសាលារៀននៅភូមិ", "សាលារៀន"],
    ["Burmese", "ကျောင်းပိတ်ရက်အကြောင်းကြေညာချက်", "ကျောင်း"],
    ["Javanese", "ꦧꦱꦗꦮꦲꦏ꧀ꦱꦫ", "ꦗꦮ"],
    ["Chinese", "关于村里停水的通知", "停水"],
    ["Japanese, kanji beside another particle", "猫が好きです", "猫は"],
    ["Japanese", "明日の会議はデータベースについて", "データベース"],
    ["Korean with an ending", "데이터베이스를 다시 시작한다", "데이터베이스"],
  ])("every part of a word that stands inside a run is found: %s", (_script, text, word) => {
    const own = new Set(terms(text));
    const wanted = terms(word).filter((term) => term !== "は");
    expect(wanted.length).toBeGreaterThan(0);
    for (const term of wanted) expect(own).toContain(term);
  });

  test.each([
    ["NFC and NFD", "café naïve Größe Đà Nẵng ñandú", "nfd"],
    ["NFC and NFD of Hangul", "한국어 서울", "nfd"],
    ["NFC and NFD of kana", "ガギグゲゴ パピプ", "nfd"],
    ["NFC and NFD of Devanagari", "क़लम ज़मीन फ़िल्म", "nfd"],
    ["half-width and full-width kana", "ﾃﾞｰﾀﾍﾞｰｽ", "データベース"],
    ["full-width and ASCII", "ＦＲＥＳＨＥＴ　２０２６", "freshet 2026"],
    ["sharp s", "Straße GROẞ", "STRASSE gross"],
    ["Turkish i", "İSTANBUL ISPARTA", "istanbul ısparta"],
    ["a sigma at the end", "ΟΔΟΣ ΣΊΣΥΦΟΣ", "οδός Σίσυφος"],
    ["polytonic Greek", "ἄνθρωπος", "ανθρωπος"],
    ["Cyrillic yo", "ЁЛКА", "елка"],
    ["letters with a stroke", "Łódź Đakovo", "Lodz Dakovo"],
    ["ligatures of letters", "Æther œuvre Þór", "aether oeuvre Thor"],
    ["Arabic vowel signs, tatweel, article, alef", "الكِتَـابُ أحمد إسلام", "كتاب احمد اسلام"],
    ["letters of Persian", "کتابی", "كتابي"],
    ["Arabic presentation forms", "ﻛﺘﺎﺏ", "كتاب"],
    ["Hebrew vowel signs and abbreviations", "שָׁלוֹם צה״ל", 'שלום צה"ל'],
    ["the nukta", "ज़मीन", "जमीन"],
    ["a joiner inside a letter", "ക്\u200d", "ൿ"],
    ["digits of other scripts", "٤٥٧٨ ۱۲۳ १२३ ๑๒๓ ၁၂၃", "4578 123 123 123 123"],
    ["French elision, both apostrophes", "l'école d’accord qu'elle", "école accord elle"],
    ["the Catalan middle dot", "col·lecció", "collecció"],
    ["a hyphen that does not break", "sub\u2011task", "sub-task"],
    ["a soft hyphen", "Donau\u00addampf", "Donaudampf"],
    ["variation selectors", "葛\u{e0100}城", "葛城"],
  ])("spellings of one word have the same terms: %s", (_what, one, other) => {
    const wanted = other === "nfd" ? one.normalize("NFD") : other;
    expect(terms(one)).toEqual(terms(wanted));
    expect(terms(one).length).toBeGreaterThan(0);
  });

  test("what differs stays apart: marks that are part of a letter", () => {
    expect(terms("กา")).not.toEqual(terms("กำ"));
    expect(terms("か")).not.toEqual(terms("が"));
    expect(terms("कि")).not.toEqual(terms("की"));
    expect(terms("o'clock")).toEqual(["oclock"]);
  });

  test("no term holds a blank: cold keeps them as one text that is cut at blanks", () => {
    fc.assert(
      fc.property(fc.string({ unit: codePoint, maxLength: 200 }), (text) => {
        expect(terms(text).filter((term) => /\s/u.test(term))).toEqual([]);
      }),
      { numRuns: runs(300) },
    );
  });

  test("the same text in NFC, NFD and NFKD has the same terms, for any text", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme", maxLength: 40 }), (text) => {
        const expected = terms(text.normalize("NFC"));
        expect(terms(text.normalize("NFD"))).toEqual(expected);
      }),
      { numRuns: runs(300) },
    );
  });

  test("a text of ASCII gives the same terms as beside another script, for any text", () => {
    const piece = fc.constantFrom(
      "a",
      "Bc",
      "9",
      "_",
      "'",
      ".",
      "-",
      "/",
      ":",
      "+",
      "#",
      " ",
      "the",
    );
    const text = fc.array(piece, { maxLength: 30 }).map((pieces) => pieces.join(""));
    fc.assert(
      fc.property(text, (ascii) => {
        expect(terms(`${ascii} zebra 猫`)).toEqual([...terms(`${ascii} zebra`), "猫"]);
      }),
      { numRuns: runs(200) },
    );
  });

  test("nothing comes of nothing, and no term is empty or unbounded", () => {
    expect(terms(" \n—…!")).toEqual([]);
    fc.assert(
      fc.property(fc.string({ unit: codePoint }), (text) => {
        expect(terms(text).every((term) => term.length > 0)).toBe(true);
      }),
    );
    expect(terms("x".repeat(100_000))[0]?.length).toBe(64);
  });

  test.each([
    ["one word", "a".repeat(262_144)],
    ["joined letters", "a.".repeat(131_072)],
    ["camel case", "aB".repeat(131_072)],
    ["joiners", "-_".repeat(131_072)],
    ["ideographs", "漢".repeat(87_381)],
    ["Thai", "กำ".repeat(43_690)],
    ["marks", "a\u0301".repeat(87_381)],
    ["vowel signs", "ب\u064e".repeat(65_536)],
    ["coeng signs", "ក្".repeat(43_690)],
    ["marks of a script without spaces", "\u0e31".repeat(87_381)],
    ["apostrophes", "l'".repeat(131_072)],
    ["foreign digits", "٣".repeat(131_072)],
    ["signs that stand for four ideographs", "㍿".repeat(87_381)],
  ])("256 KiB of %s end", (_name, text) => {
    expect(terms(text).length).toBeLessThanOrEqual(4 * text.length + 1);
  });
});

describe("bm25", () => {
  const corpus = [
    "the cat sat on the mat",
    "a dog and a cat are friends and they play",
    "fish swim",
  ].map(terms);
  const stats: CorpusStats = {
    documents: corpus.length,
    averageLength: corpus.reduce((sum, list) => sum + list.length, 0) / corpus.length,
    documentFrequency: (term) => corpus.filter((list) => list.includes(term)).length,
  };
  const score = (query: string, list: string[]) =>
    bm25({ queryTerms: terms(query), counts: termCounts(list), length: list.length, stats });

  test("is zero without a match and positive with one", () => {
    expect(score("fish", corpus[0] ?? [])).toBe(0);
    expect(score("fish", corpus[2] ?? [])).toBeGreaterThan(0);
  });

  test("a rare term weighs more than a common one", () => {
    expect(score("mat", corpus[0] ?? [])).toBeGreaterThan(score("cat", corpus[0] ?? []));
  });

  test("a shorter chunk with the same match scores higher", () => {
    expect(score("cat", corpus[0] ?? [])).toBeGreaterThan(score("cat", corpus[1] ?? []));
  });

  test("agrees with the formula worked by hand", () => {
    // N = 1, df = 1: idf = ln(1 + 0.5 / 1.5); count 2, length = average: tf = 2 * 2.5 / (2 + 1.5).
    const one: CorpusStats = { documents: 1, averageLength: 4, documentFrequency: () => 1 };
    const counts = new Map([["cat", 2]]);
    const got = bm25({ queryTerms: ["cat", "cat"], counts, length: 4, stats: one });
    expect(got).toBeCloseTo(Math.log(4 / 3) * (5 / 3.5), 12);
  });

  test("never goes negative or infinite, whatever the statistics", () => {
    fc.assert(
      fc.property(fc.nat(9), fc.nat(9), fc.nat(9), fc.nat(9), (documents, df, average, count) => {
        const wild = { documents, averageLength: average, documentFrequency: () => df };
        const counts = new Map([["x", count + 1]]);
        const got = bm25({ queryTerms: ["x"], counts, length: count, stats: wild });
        expect(got).toBeGreaterThanOrEqual(0);
        expect(Number.isFinite(got)).toBe(true);
      }),
    );
  });
});
