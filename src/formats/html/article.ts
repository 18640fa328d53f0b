/** The article of a page, as Firefox's reader view finds it. */

/** Loaded only when a page needs a guess: most say where their content is. */
export async function findArticle(html: string): Promise<string | undefined> {
  const [{ Readability, isProbablyReaderable }, { parseHTML }] = await Promise.all([
    import("@mozilla/readability"),
    import("linkedom"),
  ]);
  const { document } = parseHTML(html) as unknown as { document: Readable };
  if (!isProbablyReaderable(document)) return undefined;
  return new Readability(document).parse()?.content ?? undefined;
}

type Readable = ConstructorParameters<typeof import("@mozilla/readability").Readability>[0];
