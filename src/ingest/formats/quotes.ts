/** What somebody wrote in a mail, without what the mail repeats of others. */

/** Before a quotation, in the languages of common programs; it may be wrapped over two lines. */
const attribution =
  /^(?:On\b.{5,200}\bwrote|Am\b.{5,200}\bschrieb\b.{0,100}|Le\b.{5,200}\ba écrit|El\b.{5,200}\bescribió|Il\b.{5,200}\bha scritto|Op\b.{5,200}\bschreef\b.{0,100}|Den\b.{5,200}\bskrev\b.{0,100}|Em\b.{5,200}\bescreveu|W dniu\b.{5,200}\b(?:pisze|napisał(?:\(a\)|a)?)|Dne\b.{5,200}\bnapsal(?:\(a\)|a)?|\d.{5,200}\b(?:kirjoitti|tarihinde .{1,150}yazdı|írta)|\d.{5,200} (?:пишет|написал|написала|写道))\s?[:：]$/s;
const wrote = /^\S.{0,200}\b(?:writes|wrote)\s?:$/s;
/** In any language: it ends with the address of the one who is quoted, and what he did. */
const addressed = /^\S.{0,250}<[^\s<>@]{1,100}@[^\s<>]{1,200}>\)?.{0,40}[:：]$/s;
/** Outlook repeats the whole mail below such a line: of one that is trimmed. */
const originalMessage =
  /^-{2,}\s*(?:Original Message|Ursprüngliche Nachricht|Message d'origine|Mensaje original|Mensagem original|Messaggio originale|Oorspronkelijk bericht|Oprindelig meddelelse|Opprinnelig melding|Ursprungligt meddelande|Oryginalna wiadomość|Alkuperäinen viesti|Исходное сообщение|Orijinal Mesaj|Původní zpráva|原始邮件|原始郵件|元のメッセージ|원본 메시지)\s*-{2,}$/iu;
/** The head of a mail that Outlook repeats below a reply, in any of its languages. */
const head = (names: string): RegExp => new RegExp(`^\\*?(?:${names})\\*?\\s?[:：]`, "iu");
const headFrom = head(
  "From|Von|De|Da|Van|Fra|Från|Od|Lähettäjä|От|Kimden|Feladó|发件人|寄件者|差出人|보낸 사람",
);
const headSent = head(
  "Sent|Date|Gesendet|Datum|Envoyé|Enviado|Enviada|Inviato|Data|Verzonden|Sendt|Dato|Skickat|Wysłano|Lähetetty|Отправлено|Дата|Gönderildi|Odesláno|Elküldve|Dátum|发送时间|寄件日期|送信日時|보낸 날짜",
);
const headSubject = head(
  "Subject|Betreff|Objet|Asunto|Assunto|Oggetto|Onderwerp|Emne|Ämne|Temat|Aihe|Тема|Konu|Předmět|Tárgy|主题|主旨|件名|제목",
);
/** From, sent, to, copies and subject, each of which may be wrapped. */
const headLinesMax = 10;
const quotedLine = /^\s?>/;
/** Three marks, and nowhere fewer, are Python's: replies of replies repeat a mail, too. */
const prompt = /^\s?>>> /;

/**
 * Quoted lines go, with the line that announces them, where anything is left without them. A mail
 * of nothing but quotations keeps them; of a forwarded one nothing goes, and it does not come here.
 *
 * @param isReply it answers a mail, so that one with a head below its text is repeated
 */
export function withoutQuotes(text: string, isReply: boolean): string {
  const lines = text.split(/\r\n|\r|\n/);
  const original = lines.findIndex(
    (line, at) => originalMessage.test(line.trim()) || (isReply && isHead(lines, at)),
  );
  const upper = original === -1 ? lines : lines.slice(0, original);
  while (original !== -1 && /^_*$/.test(upper.at(-1)?.trim() ?? "-")) upper.pop();
  const quoted = upper.filter((line) => quotedLine.test(line));
  if (quoted.length > 0 && quoted.every((line) => prompt.test(line))) return text;
  const own: string[] = [];
  for (const [index, line] of upper.entries()) {
    if (!quotedLine.test(line)) own.push(line);
    else if (!quotedLine.test(upper[index - 1] ?? "")) dropAttribution(own);
  }
  const kept = own
    .join("\n")
    .replace(/\n{3,}/g, "\n\n")
    .trim();
  return kept === "" ? text : kept;
}

function isHead(lines: readonly string[], at: number): boolean {
  if (!headFrom.test((lines[at] ?? "").trim())) return false;
  const below = lines.slice(at + 1, at + headLinesMax).map((line) => line.trim());
  const end = below.indexOf("");
  const rows = end === -1 ? below : below.slice(0, end);
  return rows.some((row) => headSent.test(row)) && rows.some((row) => headSubject.test(row));
}

/** The last lines before a quotation, when they say whose it is. */
function dropAttribution(lines: string[]): void {
  let end = lines.length;
  while (end > 0 && lines[end - 1]?.trim() === "") end -= 1;
  const saidIn = (count: number) =>
    lines
      .slice(Math.max(0, end - count), end)
      .join(" ")
      .trim();
  // One that has a beginning is taken from there: its end alone would do as well.
  const last = lines.slice(Math.max(0, end - 3), end);
  const ofParagraph = last.length - 1 - last.findLastIndex((line) => line.trim() === "");
  const whole = [1, 2, 3].find((count) => count <= ofParagraph && attribution.test(saidIn(count)));
  const isEnd = (said: string) => wrote.test(said) || addressed.test(said);
  const count = whole ?? [1, 2, 3].find((each) => isEnd(saidIn(each)));
  if (count !== undefined) lines.length = Math.max(0, end - count);
}
