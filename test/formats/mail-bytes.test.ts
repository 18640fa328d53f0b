/** Mails whose bytes are not all of the charset that they name. */

import { afterAll, expect, test } from "vitest";
import { openFileReader } from "../../src/ingest/formats/reader.ts";
import { readNamed } from "./support.ts";

const reader = openFileReader();
afterAll(() => reader.close());
const read = (name: string, content: string | Uint8Array) => readNamed(reader, name, content);
const head = "From: ann@depot.example\r\nSubject: Ferries\r\n";

test.each([
  ["blank lines", "\r\n\n"],
  ["a byte order mark", "\ufeff"],
  ["both", "\ufeff\n"],
])("a mail has its head below %s", async (_name, above) => {
  expect((await read("a.eml", `${above}${head}\r\nAt nine.`)).documents).toMatchObject([
    { title: "Ferries", text: "At nine.", metadata: { from: "ann@depot.example" } },
  ]);
  const { documents } = await read("a.eml", "\n\nAt nine: the ferry.\n");
  expect(documents).toMatchObject([{ text: "At nine: the ferry." }]);
});

test("a mail is read with a wrong byte among many right ones, whose letter is kept where it can be", async () => {
  const long =
    "The ferry to Vikholm leaves at nine, and the caf\xe9 beside it opens at ten o'clock.";
  const type = "Content-Type: text/plain; charset=utf-8\r\n";
  for (const head2 of ["", type]) {
    const mail = Buffer.from(`${head}${head2}\r\n${long}`, "latin1");
    expect((await read("a.eml", mail)).documents).toMatchObject([{ text: long }]);
  }
  const right = Buffer.from("Zwölf Grüße aus Zürich, und von den vielen anderen Städten am Fluß: ");
  const mixed = Buffer.concat([
    Buffer.from(`${head}${type}\r\n`),
    right,
    Buffer.from("caf\xe9.", "latin1"),
  ]);
  expect((await read("a.eml", mixed)).documents).toMatchObject([{ text: `${right}café.` }]);
  const encoded = `${head}${type}Content-Transfer-Encoding: quoted-printable\r\n\r\n${long.replace("\xe9", "=E9")}`;
  expect((await read("a.eml", encoded)).documents).toMatchObject([
    { text: long.replace("\xe9", "\ufffd") },
  ]);
  const other = Buffer.from(
    `${head}${type}\r\n${"\xcc\xee\xf1\xea\xe2\xe0 ".repeat(20)}`,
    "latin1",
  );
  expect(await read("a.eml", other)).toMatchObject({ skipped: ["encoding"] });
});
