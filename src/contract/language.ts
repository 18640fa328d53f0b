/** Languages, as documents name theirs and filters ask for them. */

/** A BCP 47 tag in its canonical form, `zh-hans-cn` as `zh-Hans-CN`; undefined for what is none. */
export function canonicalLanguage(tag: string): string | undefined {
  try {
    return Intl.getCanonicalLocales(tag)[0];
  } catch {
    return undefined; // a RangeError is how Intl says no
  }
}
