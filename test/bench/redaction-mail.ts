/**
 * Real mail, read as it is ingested: whether redaction leaves an address that a pattern of its own
 * finds. The messages are the user's and in no repository; nothing of them is printed.
 */

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { openFileReader } from "../../src/ingest/formats/reader.ts";
import { cleanText } from "../../src/text/clean.ts";
import { redact } from "../../src/text/redaction.ts";
import { readNamed } from "../formats/support.ts";
import { testKey } from "../support/redactor.ts";
import { measured, type Row } from "./report.ts";

const filesMax = 1_000;
/** Simpler than ours, and not derived from it. */
const address = /[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}/g;

export async function mailRows(folder: string): Promise<readonly Row[]> {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.name.startsWith("."))
    .map(({ parentPath, name }) => join(parentPath, name))
    .sort()
    .slice(0, filesMax);
  const reader = openFileReader();
  let before = 0;
  let left = 0;
  let unread = 0;
  try {
    for (const path of files) {
      const parts = await readNamed(reader, "message.eml", readFileSync(path));
      if (parts.documents.length === 0) unread += 1;
      for (const { title, text, metadata } of parts.documents) {
        const values = Object.values(metadata ?? {})
          .flat()
          .map(String);
        const whole = cleanText([String(title ?? ""), String(text), ...values].join("\n"));
        before += countOf(whole);
        left += countOf(redact(whole, { key: testKey }).text);
      }
    }
  } finally {
    await reader.close();
  }
  const row = (name: string, unit: string, value: number): Row =>
    measured({ name, unit, value, p50: null, p99: null, n: files.length });
  return [
    row("redaction.mail_addresses_left", "addresses", left),
    row("redaction.mail_addresses", "addresses", before),
    row("redaction.mail_unread", "messages", unread),
  ];
}

function countOf(text: string): number {
  return text.match(address)?.length ?? 0;
}
