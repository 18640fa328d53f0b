/**
 * The TypeScript of this repository as JavaScript, because Node runs no TypeScript from
 * node_modules. Types are only taken out: every file keeps its place, so what is found by a path
 * from `import.meta.url` is found in a package, too.
 *
 * Pure. Names of files change in two places, and both are here: what is imported (the compiler),
 * and what is started or read by `new URL` beside `import.meta.url`: threads, processes, the
 * workflows (`retargetUrls`).
 */

import ts from "typescript";

const compilerOptions: ts.CompilerOptions = {
  target: ts.ScriptTarget.ES2024,
  // Not NodeNext: without the package.json beside it a file would be taken for CommonJS.
  module: ts.ModuleKind.ESNext,
  verbatimModuleSyntax: true,
  rewriteRelativeImportExtensions: true,
  erasableSyntaxOnly: true,
  isolatedModules: true,
};

/** @throws Error where a path to a TypeScript file is left that would not be there. */
export function compileFile(path: string, text: string): string {
  const { outputText } = ts.transpileModule(text, { compilerOptions, fileName: path });
  const compiled = retargetUrls(outputText);
  const left = /(?<!\/\/.*|\* .*)["'`]\.{1,2}\/[^"'`\n]*\.ts["'`]/.exec(compiled);
  if (left !== null) {
    throw new Error(
      `${path}: ${left[0]} would not be found in a package: import it, or write new URL(…, import.meta.url)`,
    );
  }
  return compiled;
}

function retargetUrls(text: string): string {
  return text.replaceAll(
    /(new URL\(\s*["'`]\.{1,2}\/[^"'`]*)\.ts(["'`],\s*import\.meta\.url)/g,
    "$1.js$2",
  );
}

/** What a compiled file asks for: packages by name, and files beside it by path. */
export function wantedBy(text: string): {
  readonly packages: readonly string[];
  readonly files: readonly string[];
} {
  const { importedFiles } = ts.preProcessFile(text, true, true);
  const imported = importedFiles.map(({ fileName }) => fileName);
  const urls = [...text.matchAll(/new URL\(\s*["'](\.{1,2}\/[^"']+)["'],\s*import\.meta\.url/g)];
  return {
    packages: imported
      .filter((name) => !/^(\.|node:|#)/.test(name))
      .map((name) => /^(@[^/]+\/)?[^/]+/.exec(name)?.[0] ?? name),
    files: [
      ...imported.filter((name) => name.startsWith(".")),
      ...urls.map(([, path = ""]) => path),
    ],
  };
}
