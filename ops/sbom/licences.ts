/** Under which licences the packages of the lock file may be used. Pure. */

export interface LockedPackage {
  readonly version?: string | undefined;
  readonly license?: string | undefined;
  readonly optional?: boolean | undefined;
  readonly dev?: boolean | undefined;
}

/** By path, as package-lock.json has them; the empty path is this repository. */
export type LockedPackages = Readonly<Record<string, LockedPackage>>;

/** They ask for a notice at most, and nothing of what is built with them. */
const permissive: ReadonlySet<string> = new Set([
  ...["0BSD", "Apache-2.0", "BlueOak-1.0.0", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0"],
  ...["ISC", "MIT", "MIT-0", "Unlicense", "Zlib"],
]);

/** Of one package each, with the reason why it may stay. */
const exceptions: Readonly<Record<string, { readonly license: string; readonly why: string }>> = {
  "caniuse-lite": { license: "CC-BY-4.0", why: "data for a bundler, not shipped in a bundle" },
  duck: { license: "BSD", why: "its LICENSE file is the one of two clauses" },
};

/** Copyleft for single files, and only of tools that build and test. */
const ofTools: ReadonlySet<string> = new Set(["MPL-2.0"]);

/** Without a field in package.json; its LICENSE file was read. */
const readFromFile: Readonly<Record<string, string>> = { unionfs: "Unlicense" };

/** One line for each package that may not be used; none is right. */
export function licenceProblems(packages: LockedPackages): readonly string[] {
  const licensed = new Set(
    Object.entries(packages).flatMap(([path, { license }]) =>
      license === undefined ? [] : [scopeOf(nameOf(path))],
    ),
  );
  return Object.entries(packages).flatMap(([path, locked]) => {
    const name = nameOf(path);
    if (path === "") return [];
    const license = locked.license ?? readFromFile[name];
    if (license === undefined) {
      // Builds for other platforms are not installed here, so nothing says what they are under;
      // their siblings, of one repository and one release, do.
      const isBuild = locked.optional === true && licensed.has(scopeOf(name));
      return isBuild ? [] : [`${name}: it names no licence`];
    }
    if (isAllowed(license) || exceptions[name]?.license === license) return [];
    if (locked.dev === true && ofTools.has(license)) return [];
    return [`${name}: ${license} is not on the list in ops/sbom/licences.ts`];
  });
}

/** Of alternatives one is enough, of a conjunction each must be allowed. */
export function isAllowed(expression: string): boolean {
  const bare = expression.trim().replace(/^\((.*)\)$/, "$1");
  if (/[()]/.test(bare)) return false;
  return bare
    .split(/ OR /)
    .some((choice) => choice.split(/ AND /).every((id) => permissive.has(id.trim())));
}

const nameOf = (path: string): string => path.slice(path.lastIndexOf("node_modules/") + 13);

/** `@swc/` of `@swc/core-linux-x64`. */
const scopeOf = (name: string): string => name.slice(0, name.indexOf("/") + 1);
