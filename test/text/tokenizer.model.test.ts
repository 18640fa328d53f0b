import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { Tokenizer as WordPiece } from "@huggingface/tokenizers";
import { beforeAll, describe, expect, test } from "vitest";
import { limits } from "../../src/contract/limits.ts";
import { chunkText } from "../../src/text/chunking.ts";
import type { Tokenizer } from "../../src/text/port.ts";
import { loadTokenizer } from "../../src/text/tokenizer.ts";
import { modelDirectory } from "../embedding/model-files.ts";
import { readReference } from "../embedding/reference/reference.ts";
import { describeTokenizer } from "./tokenizer-conformance.ts";

let tokenizer: Tokenizer;
let whole: WordPiece;

beforeAll(async () => {
  tokenizer = await loadTokenizer(modelDirectory());
  const file = JSON.parse(await readFile(join(modelDirectory(), "tokenizer.json"), "utf8"));
  whole = new WordPiece({ ...file, added_tokens: [] }, {});
});

describe("chunks of scripts that the model does not know (CK6)", () => {
  test.each([
    ["Thai", "ประกาศวันนี้ห้องสมุดประชาชนปิดปรับปรุงจนถึงวันศุกร์หน้า ร้านกาแฟของเราเปิดทุกวัน "],
    ["Lao", "ປະກາດມື້ນີ້ຫໍສະໝຸດປິດປັບປຸງຈົນຮອດວັນສຸກໜ້າ "],
    ["Khmer", "សេចក្តីជូនដំណឹងថ្ងៃនេះបណ្ណាល័យសាធារណៈបិទជួសជុលរហូតដល់ថ្ងៃសុក្រ "],
    ["Thai without any space", "ประกาศวันนี้ห้องสมุดประชาชนปิดปรับปรุงจนถึงวันศุกร์หน้า"],
    ["joined emoji", "👩🏽‍💻👨‍👩‍👧‍👦😀🇳🇴"],
  ])("are no whole documents: %s", (_name, piece) => {
    const text = piece.repeat(Math.ceil(20_000 / piece.length));
    const chunks = chunkText({ text, tokenizer });
    const longest = Math.max(...chunks.map((each) => each.text.length));
    expect(longest).toBeLessThan(2_000);
  });
});

describe("the model's tokenizer", () => {
  describeTokenizer(() => tokenizer);

  test("agrees with the reference implementation in another language", () => {
    for (const { text, ids } of readReference()) {
      expect([...tokenizer.encode(text, 256)]).toEqual(ids);
    }
  });

  test("word by word gives the ids of the whole text, on the documents of installed packages", async () => {
    const packages = await readdir("node_modules");
    let compared = 0;
    for (const name of packages.slice(0, 150)) {
      const text = await readFile(join("node_modules", name, "README.md"), "utf8").catch(() => "");
      // A run of letters above the model's limit is one [UNK] there and is cut here.
      if (text === "" || new RegExp(`[^\\s\\p{P}]{${limits.wordCharsMax},}`, "u").test(text))
        continue;
      const { ids } = whole.encode(text, { add_special_tokens: false });
      expect(tokenizer.words(text).flatMap((word) => [...word.ids])).toEqual(ids);
      compared += 1;
    }
    expect(compared).toBeGreaterThan(20);
  });

  test("nothing is padded and nothing cut at the 128 tokens of the published file", () => {
    expect(tokenizer.encode("ok", 256)).toHaveLength(3);
    expect(tokenizer.encode("word ".repeat(1_000), 256)).toHaveLength(256);
  });

  test("TK3: text that looks like a special token is text", () => {
    const ids = [...tokenizer.encode("[CLS] a [SEP] b [PAD] [MASK]", 256)];
    expect(ids.filter((id) => [0, 100, 101, 102, 103].includes(id))).toEqual([101, 102]);
  });

  test("a folder without a tokenizer is refused", async () => {
    await expect(loadTokenizer("/nonexistent")).rejects.toMatchObject({ code: "internal" });
  });
});
