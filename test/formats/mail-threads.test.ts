import { afterAll, describe, expect, test, vi } from "vitest";
import { kindOf } from "../../src/ingest/formats/kinds.ts";
import { withoutQuotes } from "../../src/ingest/formats/quotes.ts";
import { openFileReader } from "../../src/ingest/formats/reader.ts";
import { readNamed } from "./support.ts";

const reader = openFileReader();
afterAll(() => reader.close());
const read = (mail: string) => readNamed(reader, "a.eml", mail);

const mailWith = (subject: string, below: string) =>
  `From: ann@depot.example\nSubject: ${subject}\n${below}`;

describe("a reply", () => {
  test.each([
    ["Outlook", "Re: Tyres", "From: Bo\nSent: Monday 10:00\nTo: Ann\nSubject: Tyres"],
    [
      "Outlook below a rule",
      "RE: Tyres",
      `${"_".repeat(32)}\nFrom: Bo\nDate: Monday\nTo: Ann\nSubject: T`,
    ],
    ["Outlook in German", "AW: Reifen", "Von: Bo\nGesendet: Montag\nAn: Ann\nBetreff: Reifen"],
    ["Outlook in French", "RE : Pneus", "De : Bo\nEnvoyé : lundi\nÀ : Ann\nObjet : Pneus"],
    ["Outlook of a phone", "Re: Tyres", "*From:* Bo\n*Sent:* Monday\n*To:* Ann\n*Subject:* Tyres"],
  ])("is without the mail that %s repeats", async (_name, subject, head) => {
    const { documents } = await read(
      mailWith(subject, `\nThe blue ones.\n\n${head}\n\nWhich ones?\n`),
    );
    expect(documents).toMatchObject([{ text: "The blue ones." }]);
  });

  test("in HTML is without it, too", async () => {
    const html =
      "<p>The blue ones.</p><div><p><b>From:</b> Bo<br><b>Sent:</b> Monday<br><b>To:</b> Ann<br><b>Subject:</b> Tyres</p></div><p>Which?</p>";
    const { documents } = await read(mailWith("Re: Tyres", `Content-Type: text/html\n\n${html}`));
    expect(documents).toMatchObject([{ text: "The blue ones." }]);
  });

  test.each([
    ["Russian", "От: Bo\nОтправлено: понедельник\nКому: Ann\nТема: Шины"],
    ["Turkish", "Kimden: Bo\nGönderildi: Pazartesi\nKime: Ann\nKonu: Lastik"],
    ["Czech", "Od: Bo\nOdesláno: pondělí\nKomu: Ann\nPředmět: Pneu"],
    ["Korean", "보낸 사람: Bo\n보낸 날짜: 월요일\n받는 사람: Ann\n제목: 타이어"],
    ["Chinese, as QQ marks it", "------------------ 原始邮件 ------------------\n发件人: Bo"],
    ["Portuguese", "-----Mensagem original-----\nDe: Bo"],
  ])("is without the mail that a program in %s repeats", async (_language, head) => {
    const { documents } = await read(
      mailWith("Re: Tyres", `\nThe blue ones.\n\n${head}\n\nWhich ones?\n`),
    );
    expect(documents).toMatchObject([{ text: "The blue ones." }]);
  });

  test.each([
    "On Thursday, January 1, 2026 at 09:00 AM Bo Depot of Askby\n<bo@depot.example> wrote:",
    "W dniu 1.01.2026 o 09:00, Bo pisze:",
    "1.1.2026 klo 9.00, Bo kirjoitti:",
    "Dne 1. 1. 2026 v 9:00 Bo napsal(a):",
    "在 2026年1月1日，Bo <bo@depot.example> 写道：",
    "2026年1月1日(木) 9:00 Bo <bo@depot.example>:",
    "чт, 1 янв. 2026 г. в 09:00, Bo <bo@depot.example>:",
    "Em qui., 1 de jan. de 2026 às 09:00, Bo <bo@depot.example>\nescreveu:",
    "czw., 1 sty 2026 o 09:00 Bo <bo@depot.example> napisał(a):",
    "1 Oca 2026 Per 09:00 tarihinde Bo <bo@depot.example> şunu yazdı:",
  ])("does not say whom it quotes: %j", async (line) => {
    const reply = `\nThe blue ones.\n\n${line}\n> Which ones?\n`;
    expect((await read(mailWith("Re: Tyres", reply))).documents).toMatchObject([
      { text: "The blue ones." },
    ]);
  });

  test("of many quotations is read in one pass", { timeout: 15_000 }, () => {
    const text = "A line of its own\n> x\n".repeat(80_000);
    expect(withoutQuotes(text, true)).not.toContain(">");
  });

  test("keeps a paragraph that begins as what announces a quotation below it does", async () => {
    const below = "\nOn Monday they come.\n\n<bo@depot.example> wrote:\n> Which ones?\n";
    const { documents } = await read(mailWith("Re: Tyres", below));
    expect(documents).toMatchObject([{ text: "On Monday they come." }]);
  });

  test.each([
    ["Italian", "R: Gomme", "Da: Bo\nInviato: lunedì\nA: Ann\nOggetto: Gomme"],
    ["Hungarian", "Vá: Gumi", "Feladó: Bo\nElküldve: hétfő\nCímzett: Ann\nTárgy: Gumi"],
  ])("named in %s is without the mail that it repeats", async (_language, subject, head) => {
    const { documents } = await read(mailWith(subject, `\nBlue.\n\n${head}\n\nWhich ones?\n`));
    expect(documents).toMatchObject([{ text: "Blue." }]);
  });

  test("keeps what announces a quotation in words of its own", async () => {
    const reply = "\nThe contract says:\n> Blue.\nSo blue.\n";
    expect((await read(mailWith("Re: Tyres", reply))).documents).toMatchObject([
      { text: "The contract says:\nSo blue." },
    ]);
  });

  test.each([
    [
      "Thunderbird",
      '<div class="moz-cite-prefix">On 1/1/26 9:00, Bo wrote:<br></div><blockquote type="cite">Which?</blockquote>',
    ],
    ["Yahoo", '<div id="y1" class="ydp7 yahoo_quoted"><div>On Monday Bo wrote:</div>Which?</div>'],
    [
      "Proton",
      '<div class="protonmail_quote">On Monday, Bo wrote:<blockquote>Which?</blockquote></div>',
    ],
  ])("in HTML is without what %s quotes", async (_program, quotation) => {
    const mail = `Content-Type: text/html\n\n<p>The blue ones.</p>${quotation}`;
    expect((await read(mailWith("Re: Tyres", mail))).documents).toMatchObject([
      { text: "The blue ones." },
    ]);
  });

  test("keeps lines that look like a head in part, and what no reply has below it", async () => {
    const form = "Write so:\n\nFrom: your name\nTo: our desk\n\nThanks";
    expect((await read(mailWith("Re: form", `\n${form}\n`))).documents).toMatchObject([
      { text: form },
    ]);
    const head = "Please see.\n\nFrom: Bo\nSent: Monday\nTo: Ann\nSubject: Tyres\n\nBlue.";
    expect((await read(mailWith("Tyres", `\n${head}\n`))).documents).toMatchObject([
      { text: head },
    ]);
  });
});

describe("a mail", () => {
  const parts = (...each: readonly string[]) =>
    `MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n${each.map((part) => `--b\n${part}\n`).join("")}--b--\n`;

  test("within a mail is a document of its own, with its own time", async () => {
    const inner =
      "From: bo@depot.example\nSubject: Tyres\nDate: Mon, 2 Mar 2026 10:00:00 +0100\n\nThe blue ones.\n";
    const mail = mailWith(
      "Forward",
      parts("Content-Type: text/plain\n\nSee below.", `Content-Type: message/rfc822\n\n${inner}`),
    );
    expect((await read(mail)).documents).toMatchObject([
      { id: "a.eml", text: "See below." },
      {
        id: "a.eml#1",
        title: "Tyres",
        text: "The blue ones.",
        timestamp: Date.parse("2026-03-02T09:00:00Z") / 1_000,
      },
    ]);
  });

  test("whose text is a greeting, beside all else in HTML, is what the HTML says", async () => {
    const rows = Array.from(
      { length: 20 },
      (_, row) => `<tr><td>Tyre ${row}</td><td>140 euros</td></tr>`,
    );
    const both = (plain: string) =>
      mailWith(
        "Your order",
        `MIME-Version: 1.0\nContent-Type: multipart/alternative; boundary=b\n\n--b\nContent-Type: text/plain\n\n${plain}\n--b\nContent-Type: text/html\n\n<p>Thank you.</p><table>${rows.join("")}</table>\n--b--\n`,
      );
    const { documents } = await read(both("Thank you."));
    expect(documents[0]?.["text"]).toContain("| Tyre 19 | 140 euros |");
    const plain = Array.from({ length: 20 }, (_, row) => `Tyre ${row}: 140 euros`).join("\n");
    expect((await read(both(plain))).documents).toMatchObject([{ text: plain }]);
  });

  test("says which of its attachments is left out", async () => {
    const zip =
      'Content-Type: application/zip; name="plans.zip"\nContent-Disposition: attachment\n\nPK';
    const bytes = Buffer.from(mailWith("Plans", parts("Content-Type: text/plain\n\nHere.", zip)));
    const file = { id: "a.eml", source: "a.eml", kind: kindOf("a.eml") ?? "eml" };
    const skipped = (await reader.documentsOf(file, bytes)).filter((part) => "skipped" in part);
    expect(skipped).toEqual([{ skipped: "type", detail: 'its attachment "plans.zip"' }]);
  });
});

describe("the time of a mail", () => {
  test.each([
    ["Tue Jul 24 18:55:07 2007", "2007-07-24T18:55:07Z"],
    ["6 Oct 2022 12:27", "2022-10-06T12:27:00Z"],
    ["Thu,6 Oct 2022 12:27:13 +0200", "2022-10-06T10:27:13Z"],
    ["Thu, 6 Oct 2022 12:27:13 +0200 (GMT+02:00)", "2022-10-06T10:27:13Z"],
    ["Thu, 6 Oct 2022 12:27:13 CEST", "2022-10-06T10:27:13Z"],
    ["Thu, 6 Oct 2022 12:27:13 CET (Oslo)", "2022-10-06T11:27:13Z"],
    ["Wed, 26 Jul 23 17:21:17 UT", "2023-07-26T17:21:17Z"],
    ["10/06/2022 12:27", undefined],
  ])("%s is the same on machines of every zone", async (written, time) => {
    const seconds = time === undefined ? undefined : Date.parse(time) / 1_000;
    for (const zone of ["America/New_York", "Asia/Tokyo"]) {
      vi.stubEnv("TZ", zone);
      const elsewhere = openFileReader();
      try {
        const { documents } = await readNamed(
          elsewhere,
          "a.eml",
          mailWith("Tyres", `Date: ${written}\n\nBlue.\n`),
        );
        expect(documents[0]?.["timestamp"], zone).toBe(seconds);
      } finally {
        await elsewhere.close();
        vi.unstubAllEnvs();
      }
    }
  });
});
