/**
 * Generated corpora in many scripts, and the ranking of a question with all of a corpus in hot, half
 * of it merged, or all of it (F2, C5).
 */

import { objectId } from "../../src/cold/object-id.ts";
import type { ColdObject, ColdShard } from "../../src/cold/port.ts";
import type { Candidate } from "../../src/contract/candidate.ts";
import type { DocumentId, Position, TenantId, Version } from "../../src/contract/ids.ts";
import { limits } from "../../src/contract/limits.ts";
import { rankBySchema } from "../../src/contract/ranking.ts";
import { packSparse, type SparseVector } from "../../src/contract/sparse.ts";
import { onGrid } from "../../src/contract/vector.ts";
import type { HotDocument, HotShard } from "../../src/hot/port.ts";
import { diversify } from "../../src/retrieval/diversity.ts";
import { type Fused, rank } from "../../src/retrieval/fusion.ts";
import { random, unit } from "../hot/documents.ts";

export const dimensions = 24;

interface Script {
  /** What words are made of. */
  readonly letters: string;
  /** Between words: scripts without spaces have none. */
  readonly joiner: string;
  readonly wordLettersMax: number;
  /** Other spellings of the same word. */
  readonly spellings: readonly ((word: string) => string)[];
}

const nfd = (word: string): string => word.normalize("NFD");
const upper = (word: string): string => word.toUpperCase();
const same = (word: string): string => word;
const vowelled = (word: string): string => [...word].join("\u064e");
const fullWidth = (word: string): string =>
  word.replace(/[!-~]/g, (char) => String.fromCharCode(char.charCodeAt(0) + 0xfee0));

const spaced = { joiner: " ", wordLettersMax: 8 };
const unspaced = { joiner: "", wordLettersMax: 4, spellings: [same, nfd] };

export const scripts: Readonly<Record<string, Script>> = {
  latin: {
    ...spaced,
    letters: "aáàbcçdeéèfghiíjklłmnñoóöøpqrsštuüvwxyzžß",
    spellings: [nfd, upper, same],
  },
  ascii: { ...spaced, letters: "abcdefghijklmnopqrstuvwxyz", spellings: [upper, fullWidth, same] },
  cyrillic: {
    ...spaced,
    letters: "абвгдеёжзийклмнопрстуфхцчшщъыьэюя",
    spellings: [nfd, upper, same],
  },
  greek: { ...spaced, letters: "αάβγδεέζηήθιίϊκλμνξοόπρσςτυύφχψωώ", spellings: [nfd, upper, same] },
  arabic: {
    ...spaced,
    letters: "ابتثجحخدذرزسشصضطظعغفقكلمنهويأؤئةى",
    spellings: [vowelled, nfd, same],
  },
  hebrew: { ...spaced, letters: "אבגדהוזחטיכלמנסעפצקרשתםןףךץ", spellings: [nfd, same] },
  devanagari: {
    ...spaced,
    letters: "कखगघचछजझटठडढणतथदधनपफबभमयरलवशसहािीुूेैोौंक़ज़",
    spellings: [nfd, same],
  },
  thai: { ...unspaced, letters: "กขคงจชซญดตถทนบปผพฟภมยรลวสหอะาเแโใไิีุู่้" },
  lao: { ...unspaced, letters: "ກຂຄງຈສຊຍດຕຖທນບປຜຝພຟມຢຣລວຫອຮະາເແໂໃໄິີຸູ່້" },
  khmer: { ...unspaced, letters: "កខគឃងចឆជឈញដឋឌណតថទធនបផពភមយរលវសហឡអាិីុូេែៃោ្" },
  burmese: { ...unspaced, letters: "ကခဂဃငစဆဇညတထဒဓနပဖဗဘမယရလဝသဟအာိီုူေဲံ့း်" },
  han: {
    ...unspaced,
    letters: "的一是在不了有和人这中大为上个国我以要他时来用们生到作地于出就分对成会可主发年动",
  },
  japanese: {
    ...unspaced,
    letters: "あいうえおかがきくけこさしすたつてとなにのはをアイカガタデベース語本日文東京会議",
  },
  korean: {
    ...spaced,
    wordLettersMax: 4,
    letters: "가나다라마바사아자차카타파하국어한글서울시간회의",
    spellings: [nfd, same],
  },
};

export interface Asked {
  readonly text: string;
  readonly vector: Float32Array;
  readonly sparse: SparseVector;
}

export interface Corpus {
  readonly tenant: TenantId;
  readonly documents: readonly HotDocument[];
  /** Documents that stay in hot when the others are merged. */
  readonly unmerged: ReadonlySet<DocumentId>;
  question(): Asked;
}

export function corpusOf(
  script: string,
  options: { tenant: TenantId; seed: number; size: number },
): Corpus {
  const { letters, joiner, wordLettersMax, spellings } = scripts[script] as Script;
  const next = random(options.seed);
  const below = (bound: number): number => Math.floor(next() * bound);
  const pick = <Item>(items: readonly Item[]): Item => items[below(items.length)] as Item;
  const alphabet = [...letters];
  const word = (): string =>
    Array.from({ length: 2 + below(wordLettersMax - 1) }, () => pick(alphabet)).join("");
  const vocabulary = Array.from({ length: 150 }, word);
  // Most words are rare, some are everywhere, as in any language.
  const drawn = (): string => vocabulary[Math.floor(vocabulary.length * next() ** 2)] as string;
  const words = (count: number): string[] => Array.from({ length: count }, drawn);
  const point = (): number[] => Array.from({ length: dimensions }, () => next() + next() - 1);
  const topics = Array.from({ length: 6 }, point);
  const near = (): Float32Array => {
    const topic = pick(topics);
    return unit(...point().map((number, at) => number * 0.7 + (topic[at] ?? 0)));
  };
  const nextSparse = random(options.seed + 1_000);
  // Few ids, so that most vectors share some with a question.
  const sparse = (least: number): SparseVector => {
    const weights = new Float32Array(64);
    const count = 1 + Math.floor(9 * nextSparse());
    // Of a question as heavy as of a chunk, or heavier, as a model makes them.
    const weight = () => least + nextSparse();
    for (let at = 0; at < count; at += 1) weights[Math.floor(64 * nextSparse())] = weight();
    return packSparse(weights, 8);
  };
  const documents = Array.from({ length: options.size }, (_, index): HotDocument => {
    const count = 1 + below(2);
    const version = (index + 1) as Version;
    const title = next() < 0.3 ? words(2).join(" ") : undefined;
    // Of documents that were ingested without the signal none has one.
    const hasSparse = nextSparse() < 0.9;
    return {
      ...{
        documentId: `d${index}` as DocumentId,
        version,
        position: version as number as Position,
      },
      info: title === undefined ? {} : { title },
      chunks: Array.from({ length: count }, () => ({
        text: `${words(3 + below(12)).join(joiner)}.`,
        ...(title === undefined ? {} : { heading: title }),
        vector: near(),
        ...(hasSparse ? { sparse: sparse(0.1) } : {}),
      })),
    };
  });
  const unmerged = documents.filter(() => next() < 0.5).map(({ documentId }) => documentId);
  return {
    ...{ tenant: options.tenant, documents, unmerged: new Set(unmerged) },
    question: () => {
      const spelling = pick(spellings);
      return {
        text: words(1 + below(3))
          .map(spelling)
          .join(" "),
        vector: near(),
        sparse: sparse(1),
      };
    },
  };
}

export function objectsOf(tenant: TenantId, documents: readonly HotDocument[]): ColdObject[] {
  return documents.flatMap(({ documentId, version, info, chunks }) =>
    chunks.map(({ text, heading, vector, sparse }, chunk) => ({
      ...{ id: objectId({ tenant, documentId, version, chunk }), documentId, version, chunk },
      ...{ chunkCount: chunks.length, text, heading, info, vector: onGrid(vector), sparse },
    })),
  );
}

export interface Placements {
  /** What the shards find: all hot, half merged, all merged. */
  find(question: Asked): Promise<readonly Found[]>;
  /**
   * All rankings of one question, one after the other (each mode, and one with diversity), with
   * their scores and how relevant the best is: all hot, half merged, all merged.
   */
  rank(question: Asked): Promise<readonly (readonly string[])[]>;
}

interface Found {
  readonly hot: readonly Candidate[];
  readonly cold: readonly Candidate[];
}

/** Puts the corpus into two tenants of `cold` (all, and the merged half) and into two hot shards. */
export async function place(
  corpus: Corpus,
  shards: { readonly cold: ColdShard; readonly hot: () => HotShard },
): Promise<Placements> {
  const { documents, unmerged, tenant } = corpus;
  const { cold } = shards;
  const merged = documents.filter(({ documentId }) => !unmerged.has(documentId));
  const half = `${tenant}-half` as TenantId;
  for (const [owner, part] of [
    [tenant, documents],
    [half, merged],
  ] as const) {
    await cold.ensureTenant(owner);
    const objects = objectsOf(owner, part);
    for (let at = 0; at < objects.length; at += limits.mergePageObjects)
      await cold.upsert(owner, objects.slice(at, at + limits.mergePageObjects));
  }
  const all = shards.hot();
  const rest = shards.hot();
  for (const document of documents) all.upsert(document);
  for (const document of documents) if (unmerged.has(document.documentId)) rest.upsert(document);
  const limit = limits.candidatesPerShard;
  const wanted = { vectors: true };
  const find = async ({ text, vector, sparse }: Asked): Promise<readonly Found[]> => {
    const query = { text, vector, sparse, limit, wanted };
    const [inCold, inHalf] = await Promise.all([
      cold.search({ ...query, tenant }),
      cold.search({ ...query, tenant: half }),
    ]);
    return [
      { hot: all.search(query), cold: [] },
      { hot: rest.search(query), cold: inHalf.hits },
      { hot: [], cold: inCold.hits },
    ];
  };
  return {
    find,
    async rank(question) {
      const found = await find(question);
      return found.map((shards) => {
        const { text, sparse } = question;
        const asked = { ...shards, question: text, sparse, perList: limit };
        // With diversity the sparse signal plays no part (actors/question/ranking.ts).
        const { fused, relevance } = rank({ ...asked, sparse: undefined, limit });
        const diverse = diversify(fused, { diversity: 0.4, limit: shown });
        return [
          `relevance ${relevance.cosine} ${relevance.coverage}`,
          ...rankBySchema.options.flatMap((rankBy) => [
            rankBy,
            ...rank({ ...asked, rankBy, limit: shown }).fused.map(lineOf),
          ]),
          "diverse",
          ...diverse.fused.map((each) => `${lineOf(each)} ${each.duplicates}`),
        ];
      });
    },
  };
}

const shown = 10;

function lineOf({ candidate: { documentId, chunk }, score, signals }: Fused): string {
  return `${documentId}#${chunk} ${score} ${signals.cosine} ${signals.bm25} ${signals.sparse}`;
}
