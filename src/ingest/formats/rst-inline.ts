/** What is written within a line of reStructuredText, as its reader sees it. */

/** Code, which stays; `:role:` before a text; a text that leads somewhere; the mark of a note. */
const markup =
  /(``[^`]{1,500}``)|(?<![\w:`])(?::((?:[\w.+-]{1,40}:){1,3}))?`([^`]{1,500})`(__?)?(?!\w)|\[#?([\w.-]{1,60})\]_(?!\w)/g;
const withTarget = /^([^<>]*[^<>\s])\s*<([^<>]{1,300})>$/;
const address = /^(?:https?|ftp|mailto):/;
/** What stands before the number that they are given. */
const numbered: Readonly<Record<string, string>> = { pep: "PEP ", rfc: "RFC ", sup: "^" };

export function rstInline(line: string): string {
  if (!line.includes("`") && !line.includes("]_")) return line;
  return line.replace(markup, (written: string, ...found: readonly (string | undefined)[]) => {
    const [code, roles, text = "", reference, note] = found;
    if (code !== undefined) return code;
    if (note !== undefined) return `[${note}]`;
    const [, words = text, target = ""] = withTarget.exec(text) ?? [];
    if (reference !== undefined) return address.test(target) ? `[${words}](${target})` : words;
    if (roles === undefined) return written;
    const role = roles.split(":").at(-2) ?? "";
    return (Object.hasOwn(numbered, role) ? numbered[role] : "") + shortened(words);
  });
}

/** `!` says that it leads nowhere, `~` that the last name of a path is enough. */
function shortened(name: string): string {
  if (name.startsWith("~")) return name.slice(1).split(".").at(-1) ?? "";
  return name.replace(/^!/, "");
}
