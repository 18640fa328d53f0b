/**
 * Notebooks of Jupyter: prose as it is, code with what it printed, no pictures. Of an output its
 * words are taken once, in the plainest form that it has.
 */

import { z } from "zod";
import { lastOverwritten, withoutTerminalSigns } from "../../contract/terminal-text.ts";
import { firstHeading } from "../../text/markdown.ts";
import { type Converted, Unreadable } from "./convert.ts";
import { fencedCode } from "./fence.ts";
import { readFragment } from "./html/page.ts";

/** A string, or the lines of one. */
const textSchema = z
  .union([z.string(), z.array(z.string())])
  .transform((text) => (typeof text === "string" ? text : text.join("")));
const outputSchema = z.object({
  output_type: z.string(),
  text: textSchema.optional(),
  data: z.record(z.string(), z.unknown()).optional(),
  ename: z.string().optional(),
  evalue: z.string().optional(),
});
const cellSchema = z.object({
  cell_type: z.string(),
  source: textSchema.optional(),
  /** As the third version calls the source of code. */
  input: textSchema.optional(),
  outputs: z.array(z.unknown()).optional(),
  level: z.int().min(1).max(6).optional().catch(undefined),
});
const notebookSchema = z.object({
  cells: z.array(z.unknown()).optional(),
  worksheets: z.array(z.object({ cells: z.array(z.unknown()) })).optional(),
  metadata: z
    .object({
      title: z.string().optional(),
      kernelspec: z.object({ language: z.string().optional() }).optional(),
      language_info: z.object({ name: z.string().optional() }).optional(),
    })
    .optional()
    .catch(undefined),
});

/** An output that is longer is data, and not what a reader reads. */
const outputCharsMax = 10_000;
/** Charts bring the program that draws them. */
const htmlCharsMax = 1_000_000;
/** `<Figure size 640x480 with 1 Axes>`, a widget: what stands in the place of a picture. */
const standIn = /^<[A-Za-z_][\w.]*(?: [^<>\n]*)?>$|^[A-Z]\w+\(children=/;

/** @throws Unreadable format */
export function notebookDocument(text: string): Converted {
  const { cells, worksheets = [], metadata } = notebookOf(text);
  const all = cells ?? worksheets.flatMap((sheet) => sheet.cells);
  const language = metadata?.language_info?.name ?? metadata?.kernelspec?.language ?? "";
  const shown = all
    .map((cell) => cellText(cell, language))
    .filter((each) => each.trim() !== "")
    .join("\n\n");
  return { title: metadata?.title ?? firstHeading(shown), text: shown };
}

function notebookOf(text: string): z.infer<typeof notebookSchema> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new Unreadable("format", "it is no JSON, as a notebook is");
  }
  const { data } = notebookSchema.safeParse(value);
  if (data?.cells === undefined && data?.worksheets === undefined) {
    throw new Unreadable("format", "it is no notebook: it has no cells");
  }
  return data;
}

function cellText(cell: unknown, language: string): string {
  const { data } = cellSchema.safeParse(cell);
  if (data === undefined) return "";
  const source = (data.source ?? data.input ?? "").trimEnd();
  // The third version has headings of their own.
  if (data.cell_type === "heading") return `${"#".repeat(data.level ?? 1)} ${source.trim()}`;
  if (data.cell_type !== "code") return source;
  const outputs = (data.outputs ?? []).map(outputText).filter((text) => text !== "");
  const code = source === "" ? [] : [fencedCode(source, language)];
  return [...code, ...outputs].join("\n\n");
}

function outputText(output: unknown): string {
  const { data } = outputSchema.safeParse(output);
  if (data === undefined) return "";
  const formOf = (type: string) => textSchema.safeParse(data.data?.[type]).data ?? "";
  const error = data.ename === undefined ? undefined : `${data.ename}: ${data.evalue ?? ""}`;
  const printed = error ?? data.text ?? formOf("text/plain");
  const table = printed === formOf("text/plain") ? tableOf(formOf) : "";
  if (table !== "") return table.slice(0, outputCharsMax);
  // The first line of what is set in columns may begin with blanks.
  const text = lastOverwritten(withoutTerminalSigns(printed))
    .replace(/^(?:[^\S\n]{0,1000}\n){1,1000}/, "")
    .trimEnd();
  if (text !== "" && !standIn.test(text)) return fencedCode(text.slice(0, outputCharsMax), "");
  return displayed(formOf).slice(0, outputCharsMax);
}

/** A table is one in HTML: a wide one in plain form is cut into blocks whose rows have no names. */
function tableOf(formOf: (type: string) => string): string {
  const html = formOf("text/html").slice(0, htmlCharsMax);
  if (!/<table[\s>]/i.test(html)) return "";
  const { text } = readFragment(html);
  return /^\|(?: --- \|)+$/m.test(text) ? text.trim() : "";
}

/** `display(Markdown(…))`, a styled table, a formula: its plain form only names its kind. */
function displayed(formOf: (type: string) => string): string {
  const markdown = formOf("text/markdown").trim();
  if (markdown !== "") return markdown;
  const html = formOf("text/html").slice(0, htmlCharsMax);
  const shown = html === "" ? "" : readFragment(html).text.trim();
  return shown === "" ? formOf("text/latex").trim() : shown;
}
