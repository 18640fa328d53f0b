/** Files that are not read: what their owner can do, so that their text comes in all the same. */

const ways: Readonly<Record<string, string>> = {
  ...each("xlsx xls xlsm ods numbers", "save each sheet as .csv"),
  ...each("doc docm odt rtf pages wpd", "save it as .docx"),
  ...each("pptx ppt odp key", "save it as .pdf"),
  ...each("epub mobi azw3", "convert it to .html"),
  ...each("msg pst", "save its mails as .eml"),
  ...each("tex", "pandoc -t markdown"),
  ...each("org textile mediawiki wiki", "pandoc -t markdown"),
  ...each("mkdn qmd rmd", "it is Markdown: call it .md"),
  ...each("log", "it is text: call it .txt"),
  ...each("xml", "convert it to .html, .md or .ndjson"),
  ...each("yaml yml", "convert it to .ndjson"),
  ...each("parquet sqlite db", "export it as .csv or .ndjson"),
  ...each("zip tar gz tgz 7z rar bz2 xz zst", "unpack it"),
};

function each(extensions: string, way: string): Readonly<Record<string, string>> {
  return Object.fromEntries(extensions.split(" ").map((extension) => [extension, way]));
}

/** As it is counted and shown: `.xlsx`, or what stands for a name without an end. */
export function extensionOf(path: string): string {
  const found = /[^./\\]\.([^./\\]{1,12})$/.exec(path)?.[1];
  return found === undefined ? "no extension" : `.${found.toLowerCase()}`;
}

export function wayFor(extension: string): string | undefined {
  const name = extension.slice(1);
  return Object.hasOwn(ways, name) ? ways[name] : undefined;
}
