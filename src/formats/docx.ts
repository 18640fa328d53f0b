/** Word documents: to HTML by a library, and from there as every page. */

import type { Converted } from "./convert.ts";
import { readFragment } from "./html/page.ts";

/** Beside the styles that the library knows itself. */
const styleMap = ["p[style-name='Title'] => h1:fresh", "p[style-name='Subtitle'] => p:fresh"];

export async function docxDocument(bytes: Uint8Array): Promise<Converted> {
  const { default: mammoth } = await import("mammoth");
  const { value: html } = await mammoth.convertToHtml(
    { buffer: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength) },
    {
      styleMap,
      // Pictures would come as text.
      convertImage: mammoth.images.imgElement(async () => ({ src: "" })),
      externalFileAccess: false,
    },
  );
  return readFragment(html);
}
