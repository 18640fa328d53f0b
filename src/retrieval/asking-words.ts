/**
 * Words that say what is asked of a subject, and not what the subject is. A passage that answers
 * "What happened on …?" seldom says "happened": that it does not is no evidence. Pure.
 */

import { terms } from "../text/lexical.ts";

/**
 * Stop words are English: those that ask in other languages are terms. None of these is an English
 * word as well.
 */
const asking: ReadonlySet<string> = new Set(
  [
    "happen occur called named mean means anybody anyone anything somebody someone something",
    "everybody everyone nobody must may might shall many much long often kind type sort",
    "tell know explain describe show list give find please exactly currently",
    "wer wen wem wann wo wie warum wieso weshalb woher wohin womit welche welcher welches welchen",
    "wieviel viele gibt steht heißt bedeutet passiert passierte geschah bitte",
    "quand où pourquoi combien quel quelle quels quelles signifie",
    "qué cuándo dónde cuál cuáles cuánto cuántos cuánta cuántas quién significa",
    "quando perché quale quali quanto quanti cosa onde porquê qual quais quantos",
    "wanneer waar waarom hoeveel welke betekent",
  ].flatMap(terms),
);

export const onlyAsks = (term: string): boolean => asking.has(term);

/** What a word that only asks keeps of its rarity. Measured. */
export const askingShare = 0.4;
