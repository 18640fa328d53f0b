/** From the flags of `freshet source add` and `test` to a definition, checked. */

import { readFile } from "node:fs/promises";
import type { TenantId } from "../../contract/ids.ts";
import {
  type PresetName,
  type SourceDefinition,
  signatureKinds,
  sourceSchema,
} from "../../contract/source.ts";
import { presets } from "../../ingest/sources/presets.ts";
import { usageError } from "../exit.ts";

export interface MapperFlags {
  readonly preset?: PresetName | undefined;
  readonly expression?: string | undefined;
  readonly expr?: string | undefined;
  readonly set?: Readonly<Record<string, string>> | undefined;
  readonly keyHeader?: string | undefined;
}

export interface InputFlags {
  readonly stream?: string | undefined;
  readonly subject?: string | undefined;
  readonly start: string;
  readonly webhook?: true | undefined;
  readonly signature?: string | undefined;
  readonly secretEnv?: string | undefined;
  readonly secretFile?: string | undefined;
}

export interface MapperSettings {
  readonly preset?: PresetName | undefined;
  readonly expression: string;
  readonly options: Readonly<Record<string, string>>;
}

/** @throws CliError, FreshetError invalid_request with line and column of the expression */
export async function mapperOf(flags: MapperFlags): Promise<MapperSettings> {
  const { preset, expression: file, expr, set: options = {} } = flags;
  const given = [preset, file, expr].filter((each) => each !== undefined);
  if (given.length !== 1) {
    throw usageError("name a --preset, or an --expression <file>, or --expr <text>");
  }
  const expression = preset === undefined ? (expr ?? (await textOf(file ?? ""))) : undefined;
  if (preset !== undefined) checkOptions(preset, options);
  const settings = {
    ...(preset === undefined ? {} : { preset }),
    expression: expression ?? presets[preset as PresetName].expression,
    options,
  };
  // Loaded here: the language of expressions is three hundred kilobytes.
  const { compileExpression } = await import("../../ingest/sources/expression.ts");
  compileExpression({ ...settings, documentTextBytesMax: Number.POSITIVE_INFINITY });
  return settings;
}

/** An option that no preset reads is a typing error that nobody would notice. */
function checkOptions(preset: PresetName, options: Readonly<Record<string, string>>): void {
  const known = Object.keys(presets[preset].options);
  const unknown = Object.keys(options).find((name) => !known.includes(name));
  if (unknown === undefined) return;
  const has = known.length === 0 ? "no options" : `the options ${known.join(", ")}`;
  throw usageError(`--set ${unknown}: the preset ${preset} has ${has}`);
}

async function textOf(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw usageError(`the expression cannot be read: ${why}`);
  }
}

/** @throws CliError usage */
export function definitionOf(parts: {
  readonly name: string;
  readonly tenant: TenantId;
  readonly mapper: MapperSettings;
  readonly flags: InputFlags & Pick<MapperFlags, "keyHeader">;
  readonly generation: string;
  readonly nowMs: number;
}): SourceDefinition {
  const { name, tenant, mapper, flags, generation, nowMs } = parts;
  const input = flags.webhook === true ? webhookOf(flags) : streamOf(flags);
  const made = { name, tenant, input, ...mapper, generation, createdAtMs: nowMs };
  const parsed = sourceSchema.safeParse(made);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw usageError(`${issue?.path.join(".") ?? "source"}: ${issue?.message ?? "invalid"}`);
}

function streamOf({ stream, subject, start, keyHeader, ...others }: InputFlags & MapperFlags) {
  if (stream === undefined) throw usageError("name the --stream to read, or take a --webhook");
  if (others.signature !== undefined || others.secretEnv !== undefined || others.secretFile) {
    throw usageError("only a --webhook has a signature and a secret");
  }
  return {
    ...{ kind: "stream", stream, start: startOf(start) },
    ...(subject === undefined ? {} : { subject }),
    ...(keyHeader === undefined ? {} : { keyHeader }),
  };
}

function startOf(start: string) {
  if (start === "all" || start === "new") return start;
  if (/^\d{1,15}$/.test(start)) return { after: Number(start) };
  throw usageError("--start is all, new, or the sequence that was dealt with last");
}

function webhookOf({ stream, subject, signature, secretEnv, secretFile }: InputFlags) {
  if (stream !== undefined || subject !== undefined) {
    throw usageError("a source is a --stream or a --webhook, not both");
  }
  const secret =
    secretEnv === undefined
      ? secretFile === undefined
        ? undefined
        : { file: secretFile }
      : { env: secretEnv };
  if (secretEnv !== undefined && secretFile !== undefined) {
    throw usageError("a secret is in a variable or in a file, not both");
  }
  if ((signature === undefined) !== (secret === undefined)) {
    const kinds = signatureKinds.join(", ");
    throw usageError(`a signature needs its kind (--signature ${kinds}) and its secret`);
  }
  return {
    kind: "webhook",
    ...(signature && secret ? { signature: { kind: signature, secret } } : {}),
  };
}
