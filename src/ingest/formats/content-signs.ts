/** What a file is by its first bytes: for the one who wonders why it could not be read. */

import type { FileKind } from "./port.ts";

/** A file that holds files, as office programs wrote them before ZIP. */
const olderOffice = "\xd0\xcf\x11\xe0";
const signs: readonly (readonly [begins: string, kind: FileKind | undefined, says: string])[] = [
  ["%PDF-", "pdf", "a PDF file"],
  ["PK\x03\x04", "docx", "a ZIP archive, or a file of an office program"],
  [olderOffice, undefined, "a file of an older office program: save it in today's form"],
  ["{\\rtf", undefined, "a file in RTF: save it as .docx"],
  ["\x89PNG", undefined, "a picture"],
  ["\xff\xd8\xff", undefined, "a picture"],
  ["GIF8", undefined, "a picture"],
  ["\x1f\x8b", undefined, "packed by gzip: unpack it first"],
  ["\xff\xfe", undefined, "text in UTF-16: iconv -f utf-16 -t utf-8"],
  ["\xfe\xff", undefined, "text in UTF-16: iconv -f utf-16 -t utf-8"],
  ["SQLite format 3", undefined, "a database of SQLite"],
  ["version https://git-lfs", undefined, "a pointer of Git LFS: git lfs pull brings the file"],
];
/** Kinds that hold no page of HTML, and those that would be text whatever stands in them. */
const rows: ReadonlySet<FileKind> = new Set(["csv", "tsv"]);
const anyText: ReadonlySet<FileKind> = new Set([
  "markdown",
  "mdx",
  "text",
  "asciidoc",
  "rst",
  ...rows,
]);
const htmlStart = /^(?:\s|\u00ef\u00bb\u00bf)*<(?:!doctype html|html|head|body)\b/i;
const encryptedPart = Buffer.from("EncryptedPackage", "utf16le");
const startBytes = 1_024;

/** Undefined where it begins as its kind does, or as nothing that is known here. */
export function otherContent(kind: FileKind, bytes: Uint8Array): string | undefined {
  if (bytes.length === 0) return "it has no bytes";
  const start = Buffer.from(bytes.subarray(0, startBytes)).toString("latin1");
  const sign = signs.find(([begins]) => start.startsWith(begins));
  if (sign !== undefined) {
    const [, named, says] = sign;
    return named === kind ? undefined : `it is ${says}`;
  }
  return kind !== "html" && htmlStart.test(start) ? "it is a page of HTML" : undefined;
}

/**
 * What would be taken for text and is none: the pointer that Git LFS leaves in the place of a large
 * file, RTF, and what sites call a table and send as a page.
 */
export function noTextOf(kind: FileKind, bytes: Uint8Array): string | undefined {
  if (!anyText.has(kind) || bytes.length === 0) return undefined;
  const start = Buffer.from(bytes.subarray(0, startBytes)).toString("latin1");
  const isOther = /^(?:\{\\rtf\d|version https:\/\/git-lfs\.)/.test(start);
  const isPage = rows.has(kind) && htmlStart.test(start);
  return isOther || isPage ? otherContent(kind, bytes) : undefined;
}

/** Word packs a file with a password into a file of the older form. */
export function isEncryptedOffice(bytes: Uint8Array): boolean {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return file.toString("latin1", 0, 4) === olderOffice && file.includes(encryptedPart);
}
