/**
 * What somebody wrote onto a page with a reader of PDF: fields of a form that were filled in, and
 * text that was typed over it. It lies beside the text layer, which is that of the empty form.
 */

import { z } from "zod";

const said = z.string().catch("");
const flag = z.boolean().catch(false);

/** The library has no types for them, and a file may hold anything. */
const annotationSchema = z.object({
  subtype: said,
  hidden: flag,
  password: flag,
  fieldName: said,
  alternativeText: said,
  fieldValue: z.union([z.string(), z.array(z.string())]).catch(""),
  checkBox: flag,
  radioButton: flag,
  buttonValue: said,
  contentsObj: z.object({ str: said }).catch({ str: "" }),
});

type Annotation = z.infer<typeof annotationSchema>;

/** A line for each, in the order of the file: `Name: Ann Aune`, `[x] Member`. */
export function writtenOver(annotations: readonly unknown[]): readonly string[] {
  return annotations.flatMap((each) => {
    const { success, data } = annotationSchema.safeParse(each);
    if (!success || data.hidden || data.password) return [];
    const line = oneLine(data.subtype === "FreeText" ? data.contentsObj.str : fieldLine(data));
    return line === "" ? [] : [line];
  });
}

function fieldLine(field: Annotation): string {
  const { subtype, fieldValue, checkBox, radioButton, buttonValue } = field;
  if (subtype !== "Widget") return "";
  const value = typeof fieldValue === "string" ? fieldValue : fieldValue.join(", ");
  const label = labelOf(field);
  if (value.trim() === "") return "";
  if (checkBox) return value === "Off" ? "" : `[x] ${label}`;
  // Each button of a group says what is chosen; one of them is that.
  if (radioButton && buttonValue !== value) return "";
  return label === "" ? value : `${label}: ${value}`;
}

/** What a reader shows for it, or the last part of `form1[0].Page1[0].Surname[0]`. */
function labelOf({ alternativeText, fieldName }: Annotation): string {
  if (alternativeText.trim() !== "") return alternativeText.trim();
  return (
    fieldName
      .replace(/\[\d{1,9}\]/g, "")
      .split(".")
      .at(-1) ?? ""
  );
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, " ").trim();
}
