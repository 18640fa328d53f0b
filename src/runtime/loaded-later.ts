/**
 * Packages that most processes never need, loaded when something first does. undici is a hundred
 * files, a tenth of a second of a core: whoever configures no endpoint and no TLS files of its own
 * starts without it.
 */

import { createRequire } from "node:module";

const require = createRequire(import.meta.url);

/** A function that loads the package when it is first called, at once. */
export function loadedLater<Package>(name: string): () => Package {
  return () => require(name) as Package;
}
