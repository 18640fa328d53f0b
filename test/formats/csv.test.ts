import { describe, expect, test } from "vitest";
import { csvDocument } from "../../src/ingest/formats/csv.ts";

describe("a table in text", () => {
  test.each([
    [
      "marks of quotation behind backslashes",
      'id,q\n1,"Say \\"no\\", leave,\nand come"\n2,"C"\n',
      'id: 1; q: Say "no", leave, and come\n\nid: 2; q: C',
    ],
    [
      "a backslash that ends a field",
      'A,B\n"C:\\x\\",1\n"D:\\",2\n',
      "A: C:\\x\\; B: 1\n\nA: D:\\; B: 2",
    ],
    [
      "commas in lines of a cell",
      'A;B;"C\ni,e,l,d\n,3"\n1;2;"x\ny,z,w,v\n,u"\n',
      "A: 1; B: 2; C i,e,l,d ,3: x y,z,w,v ,u",
    ],
    [
      "years as names",
      "Land,2023,2024\nNord,10,12\nSud,7,9\n",
      "Land: Nord; 2023: 10; 2024: 12\n\nLand: Sud; 2023: 7; 2024: 9",
    ],
    ["names again on each page", "q,a\n1,x\nq,a\n2,q\n", "q: 1; a: x\n\nq: 2; a: q"],
    ["one column, of which a value is the name", "Fruit\n7\nFruit\n", "Fruit: 7\n\nFruit: Fruit"],
    [
      "names and values above its columns",
      "Account statement,,,\nIBAN,4711 3456,,\n,,,\nDate,Text,Amount,Balance\n2026-05-01,Rent,-300,700\n2026-05-02,Fuel,-1,6\n",
      "Account statement\n\nIBAN; 4711 3456\n\nDate: 2026-05-01; Text: Rent; Amount: -300; Balance: 700\n\nDate: 2026-05-02; Text: Fuel; Amount: -1; Balance: 6",
    ],
    [
      "rows that are longer than its names",
      "A;B\n1;2\n3;4;x\n5;6;y\n",
      "A: 1; B: 2\n\nA: 3; B: 4; x\n\nA: 5; B: 6; y",
    ],
    [
      "numbers that are kept as text",
      'Zip;Town\n="01234";"=""Askby"""\n',
      "Zip: 01234; Town: Askby",
    ],
    ["years as values", "Ann,1999,2004\nBo,2001,2003\n", "Ann; 1999; 2004\n\nBo; 2001; 2003"],
  ])("with %s is read", (_name, content, text) => {
    expect(csvDocument(content).text).toBe(text);
  });
});
