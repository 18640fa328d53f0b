/** Titles that a program left, and nobody gave. */

/** Word processors leave the name of the file that was printed, or what a new one is called. */
const isFileName =
  /^(?:untitled|microsoft word - |word document$|[a-z]:\\|file:|\/)|\.(?:docx?|wpd|indd|tex|pdf)\b/i;

export function saysNoTitle(title: string): boolean {
  return isFileName.test(title);
}
