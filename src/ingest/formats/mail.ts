/** Mail: one message, or a mailbox of them. Headers become fields, attachments documents. */

import PostalMime, { type Address, type Attachment, type Email } from "postal-mime";
import { limits } from "../../contract/limits.ts";
import { type AttachedContext, attachedParts } from "./attached.ts";
import { calendarDocument } from "./calendar.ts";
import { type Converted, type ConvertedPart, type FileMetadata, isConverted } from "./convert.ts";
import { timestampOf } from "./dates.ts";
import { readFragment } from "./html/page.ts";
import { attributeOf, type Element } from "./html/tree.ts";
import { kindOf } from "./kinds.ts";
import { fromHead } from "./mail-head.ts";
import type { FileKind } from "./port.ts";
import { withoutQuotes } from "./quotes.ts";

export async function mailParts(
  written: Uint8Array,
  context: AttachedContext,
): Promise<readonly ConvertedPart[]> {
  const bytes = fromHead(written);
  const mail = await mailOf(bytes);
  const message = withInvitation(await mended(messageOf(mail), mail, bytes), mail);
  const attached = await attachmentsOf(mail, context);
  const parts = message.text.trim() === "" ? attached : [readable(message, bytes), ...attached];
  return parts.length > 0 ? parts : [{ skipped: "empty" }];
}

const parserOptions = {
  attachmentEncoding: "arraybuffer",
  maxNestingDepth: 64,
  maxRfc822NestingDepth: limits.attachmentDepthMax,
  // Within the text its date would be written as people do where this runs: 3/2, or 2/3.
  forceRfc822Attachments: true,
} as const;

/** A page that was saved as a mail with its pictures (MHT). */
export async function htmlOfMail(bytes: Uint8Array): Promise<string> {
  return (await PostalMime.parse(bytes, parserOptions)).html ?? "";
}

/** Old programs write a subject in the charset of the text below it, and no name beside it. */
async function mailOf(bytes: Uint8Array): Promise<Email> {
  const mail = await PostalMime.parse(bytes, parserOptions);
  if (mail.subject?.includes(wrongSign) !== true) return mail;
  const source = latinOf(bytes);
  const headEnd = /\r?\n\r?\n/.exec(source)?.index ?? source.length;
  const head = new TextDecoder(charsetIn(source)).decode(bytes.subarray(0, headEnd));
  const read = Buffer.concat([Buffer.from(head), bytes.subarray(headEnd)]);
  return PostalMime.parse(read, parserOptions);
}

/** Of the first text that names its charset. UTF-8 it was not. */
function charsetIn(source: string): string {
  const label = /charset=["']?([\w:.-]{1,40})/i.exec(source)?.[1] ?? "utf-8";
  try {
    const { encoding } = new TextDecoder(label);
    if (encoding !== "utf-8") return encoding;
  } catch {
    // Nobody knows it.
  }
  return "windows-1252";
}

function latinOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
}

/** In place of bytes that are none of the charset. */
const wrongSign = "\ufffd";

/**
 * A wrong byte among many right ones is a letter of an old program, or was damaged on the way: the
 * mail is kept. Where the text lies in the file as it is, such bytes are read as browsers read what
 * names no charset; in an encoded one the sign stays.
 */
async function mended(message: Converted, mail: Email, bytes: Uint8Array): Promise<Converted> {
  if (!message.text.includes(wrongSign) || !isMostlyRight(message)) return message;
  const source = latinOf(bytes);
  const labels = [...source.matchAll(/charset=["']?([\w:.-]{1,40})/gi)].map(
    ([, label = ""]) => label,
  );
  if (!labels.every((label) => /^(?:utf-?8|us-ascii)$/i.test(label))) return message;
  const read = Buffer.from(source.replace(utf8OrByte, lettersOf), "latin1");
  const { text, html } = await PostalMime.parse(read, parserOptions);
  return messageOf({ ...mail, text, html });
}

/** In the languages that windows-1252 is for, so few letters of a text are no ASCII, or more. */
const charsPerWrongSign = 50;

function isMostlyRight({ text }: Converted): boolean {
  return (text.split(wrongSign).length - 1) * charsPerWrongSign <= text.length;
}

/** A character of UTF-8 beyond ASCII, in bytes, or a byte that belongs to none. */
const utf8OrByte =
  /[\xc2-\xdf][\x80-\xbf]|\xe0[\xa0-\xbf][\x80-\xbf]|\xed[\x80-\x9f][\x80-\xbf]|[\xe1-\xec\xee\xef][\x80-\xbf]{2}|\xf0[\x90-\xbf][\x80-\xbf]{2}|[\xf1-\xf3][\x80-\xbf]{3}|\xf4[\x80-\x8f][\x80-\xbf]{2}|[\x80-\xff]/g;

const oldLetters = new TextDecoder("windows-1252");

function lettersOf(found: string): string {
  if (found.length > 1) return found;
  const letter = oldLetters.decode(Buffer.from(found, "latin1"));
  return Buffer.from(letter).toString("latin1");
}

/**
 * Not one whose text was decoded with signs in place of bytes: its charset is another than it says,
 * or it says none. A message that holds such a sign itself says so in its bytes; in base64 it may.
 */
function readable(message: Converted, bytes: Uint8Array): ConvertedPart {
  if (!message.text.includes(wrongSign) || isMostlyRight(message)) return message;
  const isWritten = /\xef\xbf\xbd|=EF=BF=BD|&#(?:65533|xfffd);|base64/i.test(latinOf(bytes));
  return isWritten ? message : { skipped: "encoding" };
}

/** Messages begin with a line `From ` after a blank one and before a header. */
export async function mailboxParts(
  bytes: Uint8Array,
  context: AttachedContext,
): Promise<readonly ConvertedPart[]> {
  const parts: ConvertedPart[] = [];
  for (const message of splitMailbox(bytes)) {
    if (parts.length >= limits.convertedDocumentsMax) return [...parts, { skipped: "size" }];
    parts.push(...(await messageParts(message, context)));
  }
  return parts.length > 0 ? parts : [{ skipped: "empty" }];
}

/** Parts of one message among others are named after it: its place changes when others go. */
async function messageParts(
  bytes: Uint8Array,
  context: AttachedContext,
): Promise<readonly ConvertedPart[]> {
  let parts: readonly ConvertedPart[];
  try {
    parts = await mailParts(bytes, context);
  } catch {
    // The others are mails of their own.
    return [{ skipped: "broken" }];
  }
  const first = parts.find(isConverted);
  const id = first?.metadata?.["message_id"];
  if (typeof id !== "string") return parts;
  return parts.map((part) => {
    if (!isConverted(part)) return part;
    return { ...part, part: part.part === undefined ? id : `${id}/${part.part}` };
  });
}

function messageOf(mail: Email): Converted {
  const { subject } = mail;
  const body = bodyOf(mail);
  // A message may be all in its subject.
  const text = body.trim() === "" ? (subject?.trim() ?? "") : body;
  return { title: subject?.trim(), text, date: dateOf(mail), metadata: headersOf(mail) };
}

/** Many invitations say in their calendar only when and where; what the text says is said once. */
function withInvitation(message: Converted, mail: Email): Converted {
  const events = mail.attachments
    .filter(isInvitation)
    .map((each) => calendarDocument(Buffer.from(bytesOf(each)).toString("utf8")).text);
  const lines = [...new Set(events)]
    .flatMap((text) => text.split("\n"))
    .filter((line) => !message.text.includes(line.trim()));
  return lines.length === 0 ? message : { ...message, text: [message.text, ...lines].join("\n") };
}

/** Some programs send it twice: as a form of the text, and as a file. */
function isInvitation(attachment: Attachment): boolean {
  return kindOfAttachment(attachment) === "calendar";
}

/** As it is written: the library reads one without a zone in that of this machine. */
function dateOf({ headers, date }: Email): string | undefined {
  const written = headers.find(({ key }) => key === "date")?.value;
  if (timestampOf(written) !== undefined) return written;
  return /[+-]\d{4}\b|\b(?:GMT|UTC)\b/.test(written ?? "") ? date : undefined;
}

/** How programs name what they forward, in the languages of common ones. */
const forwarded = /^\s*(?:fwd?|wg|tr|rv|i|enc|doorst|vb|vs|vl|pd|ilt|転送|转发|轉寄)\s?[:：]/iu;

/**
 * Plain text where there is any that says something: it is what was written, more or less. What
 * somebody forwards is what they want to say, whatever stands above it.
 */
function bodyOf({ subject = "", text = "", html = "", inReplyTo }: Email): string {
  const plain = text.trim();
  const hasText = plain !== "" && !(html !== "" && (isPlaceholder(plain) || isStub(plain, html)));
  if (forwarded.test(subject)) return hasText || html === "" ? text : readFragment(html).text;
  const isReply = inReplyTo !== undefined || answers.test(subject);
  if (hasText || html === "") return withoutQuotes(text, isReply);
  const own = readFragment(html, isQuotation).text;
  return own.trim() === "" ? readFragment(html).text : withoutQuotes(own, isReply);
}

/** How programs name a reply. */
const answers =
  /^\s*(?:re|r|aw|antw|antwort|ang|sv|odp|rif|res|ynt|vá|回复|答复|回覆)\s?(?:\[\d+\])?[:：]/iu;

/**
 * A greeting, and the order itself only in the HTML beside it: what is written there is the mail.
 * A text of the same content is a little shorter or longer, for its addresses of links.
 */
function isStub(plain: string, html: string): boolean {
  const fewest = lettersIn(plain) * stubFactor + stubLettersMin;
  // Without the parts of tags; a style sheet may count until the page is read.
  if (lettersIn(html.replace(/<[^<>]*>/g, "")) < fewest) return false;
  return lettersIn(readFragment(html, isQuotation).text) >= fewest;
}

const stubFactor = 3;
const stubLettersMin = 200;

function lettersIn(text: string): number {
  return text.replace(/[^\p{L}\p{N}]+/gu, "").length;
}

/** Programs that send HTML only put a notice where the text should be. */
function isPlaceholder(text: string): boolean {
  return text.length < 200 && /\b(?:html|view (?:it|this|the)|browser)\b/i.test(text);
}

/** How programs mark what a reply repeats. */
function isQuotation(element: Element): boolean {
  const names = attributeOf(element, "class") ?? "";
  if (marksOfQuotations.test(names)) return true;
  if (element.tagName !== "blockquote") return false;
  const isCited = attributeOf(element, "type") === "cite";
  return isCited || /\bgmail_quote\b/.test(names);
}

/** Of Gmail, Thunderbird, Yahoo, Proton and Tuta: who is quoted, or that and the quotation. */
const marksOfQuotations =
  /(?<![\w-])(?:gmail_attr|moz-cite-prefix|yahoo_quoted|protonmail_quote|tutanota_quote)(?![\w-])/;

/** Names and addresses; redaction decides what of them is stored. */
function headersOf(mail: Email): FileMetadata {
  const { from, to = [], cc = [], messageId, inReplyTo } = mail;
  return Object.fromEntries(
    Object.entries({
      from: from === undefined ? [] : peopleOf([from]),
      to: peopleOf(to),
      cc: peopleOf(cc),
      message_id: withoutBrackets(messageId),
      in_reply_to: withoutBrackets(inReplyTo),
    }).flatMap(([key, value]) => {
      if (value.length === 0) return [];
      return [[key, key === "from" && typeof value !== "string" ? (value[0] ?? "") : value]];
    }),
  );
}

function withoutBrackets(id = ""): string {
  return id.trim().replace(/^<|>$/g, "");
}

function peopleOf(addresses: readonly Address[]): readonly string[] {
  return addresses
    .flatMap((address): readonly Address[] => address.group ?? [address])
    .map(({ name, address = "" }) => {
      if (address === "" || name === "" || name === address) return address === "" ? name : address;
      return `${name} <${address}>`;
    })
    .filter((person) => person !== "");
}

function attachmentsOf(
  { attachments }: Email,
  context: AttachedContext,
): Promise<readonly ConvertedPart[]> {
  const files = attachments
    .filter((attachment) => !isInvitation(attachment) && isFile(attachment))
    .map((attachment, index) => ({
      name: attachment.filename ?? `${index + 1}`,
      shownName: attachment.filename ?? attachment.mimeType,
      kind: kindOfAttachment(attachment),
      bytes: () => bytesOf(attachment),
    }));
  return attachedParts(files, context);
}

/** A picture within the text has no name. */
function isFile({ disposition, filename, mimeType }: Attachment): boolean {
  return disposition !== "inline" || Boolean(filename) || mimeType === "message/rfc822";
}

function kindOfAttachment({ filename, mimeType }: Attachment): FileKind | undefined {
  const byName = filename === null ? undefined : kindOf(filename);
  return byName ?? kindsOfTypes[mimeType];
}

const kindsOfTypes: Readonly<Record<string, FileKind>> = {
  "text/plain": "text",
  "text/html": "html",
  "text/markdown": "markdown",
  "text/csv": "csv",
  "text/calendar": "calendar",
  "application/ics": "calendar",
  "application/pdf": "pdf",
  "message/rfc822": "eml",
  "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
};

function bytesOf({ content }: Attachment): Uint8Array {
  return typeof content === "string" ? Buffer.from(content) : new Uint8Array(content);
}

const lineFeed = 10;
const fromMark = Buffer.from("From ");

function* splitMailbox(bytes: Uint8Array): Generator<Uint8Array> {
  const mailbox = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let start = -1;
  for (let at = 0; at !== -1 && at < mailbox.length; ) {
    if (isSeparator(mailbox, at)) {
      if (start !== -1) yield unquoted(mailbox.subarray(start, at));
      const end = mailbox.indexOf(lineFeed, at);
      start = end === -1 ? mailbox.length : end + 1;
    }
    const next = mailbox.indexOf(lineFeed, at);
    at = next === -1 ? -1 : next + 1;
  }
  if (start !== -1 && start < mailbox.length) yield unquoted(mailbox.subarray(start));
}

/**
 * Not each program quotes a text line that begins with `From `: behind the mark stand an address or
 * a time, and below it the first header.
 */
function isSeparator(mailbox: Buffer, at: number): boolean {
  if (!mailbox.subarray(at, at + fromMark.length).equals(fromMark)) return false;
  if (at === 0) return true;
  if (!isAfterBlank(mailbox, at)) return false;
  const lines = mailbox.toString("latin1", at, at + separatorBytesMax).split(/\r?\n/, 2);
  const [mark = "", header = ""] = lines;
  return /@|\d:\d\d|^From -/.test(mark) && /^>?[!-9;-~]+:/.test(header);
}

/** An address, a time, and the name of a header. */
const separatorBytesMax = 1_000;

function isAfterBlank(mailbox: Buffer, at: number): boolean {
  if (at === 0) return true;
  const before = mailbox[at - 2] === 13 ? at - 3 : at - 2;
  return before < 0 || mailbox[before] === lineFeed;
}

/** `>From ` at the start of a line stands for `From `. */
function unquoted(message: Buffer): Uint8Array {
  if (!message.includes("\n>From ")) return message;
  return Buffer.from(message.toString("latin1").replace(/\n>(>*From )/g, "\n$1"), "latin1");
}
