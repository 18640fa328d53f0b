import { compact, isWordCharacter, type Recogniser } from "./recogniser.ts";

/** Six groups of two, or three of four; eight of two are a world wide name of a disk. */
const pattern =
  /[0-9a-f]{2}(?:(?::[0-9a-f]{2}){5}|(?:-[0-9a-f]{2}){5}|[0-9a-f]{2}\.[0-9a-f]{4}\.[0-9a-f]{4})(?![:.-][0-9a-f])/gi;
const joints = ":.-";
/** What manuals write for any address: `aa:bb:cc:dd:ee:ff`, `00:11:22:33:44:55`. */
const examples = new Set(["AABBCCDDEEFF", "001122334455", "112233445566", "0123456789AB"]);

/** Hardware addresses of network interfaces. */
export const mac: Recogniser = {
  kind: "MAC",
  *find(text) {
    for (const { 0: match, index } of text.matchAll(pattern)) {
      const end = index + match.length;
      const before = text[index - 1];
      if (isWordCharacter(before) || joints.includes(before ?? " ")) continue;
      if (isWordCharacter(text[end])) continue;
      const digits = compact(match);
      if (new Set(digits).size === 1 || examples.has(digits)) continue;
      // Six numbers with hyphens are a time, three with dots a decimal outline.
      if (!match.includes(":") && !/[A-F]/.test(digits)) continue;
      yield { start: index, end };
    }
  },
  normal: compact,
};
