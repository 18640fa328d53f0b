import { expect, it } from "vitest";
import { parseChangelog } from "./changelogs.ts";

it("reads the entries of a changelog with their dates, the newest first, and passes over the rest", () => {
  const text = [
    "bash (5.2-3) unstable; urgency=medium",
    "",
    "  * Apply upstream patches.",
    "    Closes: #1024602.",
    "",
    " -- Matthias Klose <doko@debian.org>  Sat, 31 Dec 2022 11:32:01 +0100",
    "",
    "bash (5.2-2) unstable; urgency=medium",
    "",
    " -- Nobody <nobody@debian.org>  Fri, 30 Dec 2022 11:32:01 +0000",
    "",
    "bash (5.2-1) unstable; urgency=medium",
    "",
    "  * New upstream release.",
    "",
    " -- Nobody <nobody@debian.org>  no date",
    "Old entries were removed.",
  ].join("\n");
  expect(parseChangelog(text)).toEqual([
    {
      packageName: "bash",
      version: "5.2-3",
      text: "* Apply upstream patches.\n  Closes: #1024602.",
      atMs: Date.UTC(2022, 11, 31, 10, 32, 1),
    },
  ]);
});
