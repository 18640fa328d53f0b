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
    ["years as values", "Ann,1999,2004\nBo,2001,2003\n", "Ann; 1999; 2004\n\nBo; 2001; 2003"],
  ])("with %s is read", (_name, content, text) => {
    expect(csvDocument(content).text).toBe(text);
  });
});
