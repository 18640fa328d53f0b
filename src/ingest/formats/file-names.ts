/** Titles that a program left, and nobody gave. */

/** Word processors leave the name of the file that was printed, or what a new one is called. */
const isFileName =
  /^(?:untitled|microsoft (?:word|excel|powerpoint) - |word document$|[a-z]:\\|file:|\/)|\.(?:docx?|wpd|indd|tex|pdf)\b|\.(?:pptx?|xlsx?|od[tps]|rtf|qxp|cdr|pages|dvi)$/i;
/** What programs write where nobody did, with the number of the window. */
const isPlaceholder =
  /^(?:(?:power\s?point[- ]?)?(?:presentation|präsentation)|pr[eé]sentation powerpoint|docum?ent|dokument|slide|folie|layout|mappe|(?:new|scanned) document|(?:no|kein) tit(?:le|el)|tit(?:le|el|re)|print|full page fax print|\(?(?:anonymous|unspecified|unknown|none|null)\)?)[ _-]?\d*$/i;

export function saysNoTitle(title: string): boolean {
  return isFileName.test(title) || isPlaceholder.test(title.trim());
}
