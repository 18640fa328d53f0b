/**
 * A mapper's expression: compiled once, evaluated for each event, within bounds of depth and
 * output. Its time is bounded from outside, by the end of its thread (mapper-thread.ts): a regular
 * expression cannot be interrupted, and looking at the clock before each step took a third of all
 * mapping.
 *
 *   SX1  one event gives the same operations however often it is mapped: `$now()` and `$millis()`
 *        are the event's own time, and `$random()` and `$shuffle()` are refused.
 */

import jsonata from "jsonata";
import { FreshetError } from "../../contract/errors.ts";
import { limits } from "../../contract/limits.ts";
import type { Mapped, SourceEvent } from "../../contract/source.ts";
import { change } from "./change.ts";
import { cloudEvents } from "./cloud-events.ts";
import { mapperFunctions } from "./functions.ts";
import { mappedOf } from "./operations.ts";
import { changed, keyed } from "./row-documents.ts";

const functions = { ...mapperFunctions, change, changed, keyed, cloudEvents };

export interface CompiledExpression {
  /** Never throws: an event that cannot be mapped is data. */
  map(event: SourceEvent): Promise<Mapped>;
}

export interface ExpressionSettings {
  readonly expression: string;
  readonly options: Readonly<Record<string, string>>;
  readonly documentTextBytesMax: number;
}

/** @throws FreshetError invalid_request that names line and column */
export function compileExpression(settings: ExpressionSettings): CompiledExpression {
  const { expression: text, options, documentTextBytesMax } = settings;
  const expression = parsed(text);
  for (const [name, value] of Object.entries(functions)) {
    expression.assign(name, value);
  }
  for (const name of ["random", "shuffle"]) expression.registerFunction(name, unrepeatable);
  return {
    async map(event) {
      const millis = Date.parse(event.publishedAt);
      const bindings = { options, now: () => event.publishedAt, millis: () => millis };
      try {
        const result: unknown = await expression.evaluate(event, bindings);
        return mappedOf(plain(result), documentTextBytesMax);
      } catch (thrown) {
        return { kind: "failed", message: explain(thrown, text) };
      }
    },
  };
}

function parsed(text: string): jsonata.Expression {
  try {
    return jsonata(text, {
      stack: limits.mapDepthMax,
      sequence: limits.mapSequenceMax,
    });
  } catch (thrown) {
    const message = `the expression is no JSONata: ${explain(thrown, text)}`;
    throw new FreshetError("invalid_request", message, { cause: thrown });
  }
}

function unrepeatable(): never {
  throw new Error("$random and $shuffle would map an event differently each time");
}

/** Values of JSONata carry marks and may share parts with the event: only JSON leaves. */
function plain(result: unknown): unknown {
  if (result === undefined) return undefined;
  if (typeof result === "function") throw new Error("the expression returned a function");
  const json = JSON.stringify(result) as string | undefined;
  if (json === undefined) return undefined;
  if (json.length > limits.mapOutputBytesMax) throw new Error("the result is too large");
  return JSON.parse(json);
}

/** The evaluator's message with the place in the expression, and without the event's content. */
function explain(thrown: unknown, text: string): string {
  const { message, position, code } = thrown as Readonly<Record<string, unknown>>;
  const said = typeof message === "string" ? message : "it failed";
  const isOwn = code === "D3137" || code === "D3141";
  const says = (isOwn ? ownWords(said, text) : withoutValues(said, thrown)).split("\n")[0];
  const place = typeof position === "number" ? `${placeOf(text, position)}: ` : "";
  const coded = typeof code === "string" && code !== "D3137" ? ` (${code})` : "";
  return `${place}${says ?? ""}${coded}`.slice(0, limits.sourceFailureCharsMax);
}

/**
 * What $error() and $assert() were told to say: a text of the expression, or what it made of the
 * event, which is not told (I10).
 */
function ownWords(said: string, text: string): string {
  return text.includes(said) ? said : "the expression refuses the event";
}

/** Its messages quote what they met, which is the event's content (I10). */
function withoutValues(message: string, thrown: unknown): string {
  const { value, value2 } = thrown as Readonly<Record<string, unknown>>;
  const quoted = [value, value2].flatMap((met) =>
    met === undefined || typeof met === "function" ? [] : [JSON.stringify(met), String(met)],
  );
  return quoted
    .filter((text) => text.length > 0)
    .reduce((told, text) => told.replaceAll(text, "…"), message);
}

/** JSONata counts characters behind the token; people count lines and columns from 1. */
function placeOf(text: string, position: number): string {
  const before = text.slice(0, Math.max(0, position)).split("\n");
  return `line ${before.length}, column ${Math.max(1, before.at(-1)?.length ?? 1)}`;
}
