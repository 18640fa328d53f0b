import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { withoutBlobs } from "../../src/text/blobs.ts";
import { cpuMs } from "../support/cpu-time.ts";

const picture = (bytes: number) => randomBytes(bytes).toString("base64");
const wrapped = (text: string, width: number) =>
  text.match(new RegExp(`.{1,${width}}`, "g"))?.join("\n") ?? "";
const hex = (byte: number) => byte.toString(16).padStart(2, "0");
const dumped = (bytes: Buffer, place: (at: string) => string, width: number) =>
  (bytes.toString("hex").match(/.{1,32}/g) ?? [])
    .map((line, n) => {
      const groups = line.match(new RegExp(`.{1,${width}}`, "g")) ?? [];
      return `${place((n * 16).toString(16).padStart(8, "0"))}${groups.join(" ")}  ....gate....`;
    })
    .join("\n");
const path = "M0 0L10 10c1.5-2,3e-2 4z ".repeat(400);
const packed = "function a(b,c){return b.d(c)?{e:b,f:c}:(g(b),h=c,i(b[c]));}".repeat(100);
/** What is around a blob stays, and so do at most a few words in its place. */
const around = (blob: string) => `# Lantern\n\n${blob}\n\nCalibrated in May by the keeper.`;
const wordsInPlaceCharsMax = 120;

describe("blobs in a text", () => {
  test.each([
    ["a picture in Markdown", `![photo](data:image/png;base64,${picture(18_000)})`],
    ["a picture in HTML", `<img src="data:image/jpeg;base64,${picture(9_000)}" alt="x">`],
    ["a picture in a style", `url('data:font/woff2;charset=utf-8;base64,${picture(5_000)}')`],
    [
      "a drawing, percent-encoded",
      `![](data:image/svg+xml,${"%3Csvg%20d%3D%22M1%22%3E".repeat(90)})`,
    ],
    ["a drawing as it is", `![](data:image/svg+xml;utf8,<svg><path d='${path}'/></svg>)`],
    ["a drawing in a style", `url("data:image/svg+xml,<svg><g><path d='${path}'/></g></svg>")`],
    ["a drawing in a page", `<svg viewBox="0 0 9 9">\n<path d="${path}"/>\n</svg>`],
    ["a shape", `<polygon points='${"12.5,7 -3,4 ".repeat(90)}'/>`],
    ["a link definition", `[logo]: data:image/gif;base64,${picture(4_000)}`],
    ["bare base64", picture(6_000)],
    ["base64 for addresses", randomBytes(6_000).toString("base64url")],
    [
      "a certificate",
      `-----BEGIN CERTIFICATE-----\n${wrapped(picture(1_500), 64)}\n-----END CERTIFICATE-----`,
    ],
    ["an attachment in a mail", wrapped(picture(20_000), 76)],
    ["a quoted attachment", wrapped(picture(3_000), 76).replaceAll(/^/gm, "> ")],
    ["bytes in hex", randomBytes(3_000).toString("hex")],
    ["what xxd prints", dumped(randomBytes(3_000), (at) => `${at}: `, 4)],
    ["what hexdump prints", dumped(randomBytes(3_000), (at) => `${at}  `, 2)],
    ["bytes in C", [...randomBytes(900)].map((byte) => `0x${hex(byte)}`).join(", ")],
    ["bytes in a string", [...randomBytes(900)].map((byte) => `\\x${hex(byte)}`).join("")],
    ["packed JavaScript", packed],
    ["packed styles", ".a{margin:0;padding:0}.b>c{color:#fff;width:calc(1px*(2))}".repeat(120)],
    [
      "a drawing in a style, percent-encoded where it has to be",
      `url("data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 8 8'%3E%3Cg%3E${`%3Cpath fill='%23fff' d='M2.3 6.7L.6 4.5c-.4-1 .5-2'/%3E`.repeat(40)}%3C/g%3E%3C/svg%3E")`,
    ],
    ["a row of one sign", "-".repeat(5_000)],
    ["a row of one letter", "中".repeat(5_000)],
    ["a row of one sign of two units", "😂".repeat(900)],
    ["a source map", `//# sourceMappingURL=data:application/json;base64,${picture(7_000)}`],
  ])("%s goes, and is named with its length", (_name, blob) => {
    const text = withoutBlobs(around(blob));
    expect(text).toMatch(/\d{3,} characters left out\)/);
    expect(text).toContain("Calibrated in May by the keeper.");
    expect(text.length).toBeLessThan(around("").length + wordsInPlaceCharsMax);
  });

  test.each([
    ["Thai without spaces", "กรุงเทพมหานครเป็นเมืองหลวงของประเทศไทย".repeat(60)],
    [
      "a table of years",
      Array.from({ length: 40 }, (_, n) => `${1980 + n} 12 34 ${10 + n} 78 90 11 22 3344 5 6`).join(
        "\n",
      ),
    ],
    [
      "hashes of files",
      Array.from(
        { length: 40 },
        (_, n) => `${randomBytes(20).toString("hex")}  file-${n}.txt`,
      ).join("\n"),
    ],
    ["Chinese", "巴黎是法国的首都。".repeat(300)],
    ["a word of a chemist", "methionylthreonylthreonylglutaminylarginyl".repeat(40)],
    ["a genome", "ACGTTGCAACGT".repeat(100)],
    ["a row of signs", "-".repeat(200)],
    ["digits of pi", "14159265358979323846".repeat(40)],
    ["a long address", `https://example.com/${"some/path-to/a_page/".repeat(20)}?a=1&b=2`],
    ["a hash", `sha512-${randomBytes(64).toString("base64")} ${randomBytes(64).toString("hex")}`],
    [
      "a short picture",
      "data:image/gif;base64,R0lGODlhAQABAAAAACH5BAEKAAEALAAAAAABAAEAAAICTAEAOw==",
    ],
    ["a small drawing", "<svg><path d='M0 0h9v9z'/></svg> data:image/svg+xml,<svg></svg>"],
    ["coordinates in a sentence", `points = ${"12.5,7 -3,4 ".repeat(90)}`],
    ["an example of such an address", "data:text/plain;charset=utf-8,hello"],
    [
      "data on one line",
      JSON.stringify(Array.from({ length: 300 }, (_, n) => ({ city: "Askby", n }))),
    ],
    ["a long line of prose", "The lantern of the light is calibrated in May. ".repeat(200)],
    [
      "lines of one word",
      `${"Donaudampfschifffahrtsgesellschaftskapitaensmuetzenabzeichenxx\n".repeat(9)}`,
    ],
    ["a table of numbers", "0.125;17;3.5;".repeat(600)],
  ])("%s stays", (_name, text) => {
    expect(withoutBlobs(text)).toBe(text);
  });

  test("program files that people wrote stay as they are", () => {
    for (const file of ["src/text/blobs.ts", "src/text/markdown.ts", "package.json", "README.md"]) {
      const text = readFileSync(join(import.meta.dirname, "../..", file), "utf8");
      expect(withoutBlobs(text)).toBe(text);
    }
  });

  test("changes nothing the second time, for any text", () => {
    const piece = fc.oneof(
      fc.string(),
      fc.constantFrom("data:", "image/png;base64,", "\n", " ", ")", packed),
      fc
        .uint8Array({ minLength: 100, maxLength: 600 })
        .map((bytes) => Buffer.from(bytes).toString("base64")),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 6 }), (pieces) => {
        const once = withoutBlobs(pieces.join(""));
        expect(withoutBlobs(once)).toBe(once);
      }),
    );
  });

  test.each([
    "data:",
    "data:a/b;",
    "A1b",
    "A1b\n",
    `${"a1B".repeat(25)}\n`,
    "a".repeat(299) + " ",
    ";{}",
    "data:image/svg+xml,<svg ",
    "data:image/svg+xml,%3csvg ",
    "data:image/svg+xml,%3csvg%3c",
    "a".repeat(255) + "b",
    `d="M0 `,
  ])("256 KiB of %j are gone through once", (piece) => {
    const text = piece.repeat(262_144 / piece.length);
    const began = cpuMs();
    withoutBlobs(text);
    expect(cpuMs() - began).toBeLessThan(5_000);
  });
});
