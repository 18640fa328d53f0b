/** The article of a page, as Firefox's reader view finds it. */

/** Loaded only when a page needs a guess: most say where their content is. */
export async function findArticle(html: string): Promise<string | undefined> {
  const [{ Readability, isProbablyReaderable }, { parseHTML }] = await Promise.all([
    import("@mozilla/readability"),
    import("linkedom"),
  ]);
  // The one wants the document of a browser, which has no type here, and the other has one.
  const { document } = parseHTML(html) as unknown as { readonly document: never };
  if (!isProbablyReaderable(document)) return undefined;
  return new Readability(document).parse()?.content ?? undefined;
}
