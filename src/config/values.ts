/** Checked settings, and what several mean together: a secret or its file, TLS of a link. */

import type { z } from "zod";
import type { TlsFiles } from "../contract/links.ts";
import { secretFromFile } from "./secrets.ts";
import { type SettingName, settings } from "./settings.ts";

export type Value<Name extends SettingName> = z.output<(typeof settings)[Name]["schema"]>;
export type Values = {
  readonly [Name in SettingName]: Value<Name> | undefined;
};

type SecretName = {
  [Name in SettingName]: `${Name}_FILE` extends SettingName ? Name : never;
}[SettingName];
type TlsName = {
  [Name in SettingName]: Name extends `${infer Link}_CA_FILE` ? Link : never;
}[SettingName];

export const secretNames = (Object.keys(settings) as SettingName[]).filter(
  (name): name is SecretName => `${name}_FILE` in settings,
);
export const tlsNames = (Object.keys(settings) as SettingName[]).flatMap((name) =>
  name.endsWith("_TLS_CA_FILE") ? [name.replace(/_CA_FILE$/, "") as TlsName] : [],
);

export function isSecret(name: string): boolean {
  return secretNames.some((secret) => secret === name);
}

/** A value with a fallback is there: `readValues` filled it or complained. */
export function presentIn(values: Values) {
  return <Name extends SettingName>(name: Name) => values[name] as Exclude<Values[Name], undefined>;
}

/** From the variable or its file; undefined when neither is set. */
export function secretIn<Name extends SecretName>(
  values: Values,
  name: Name,
): (() => Value<Name>) | undefined {
  const given = values[name] as Value<Name> | undefined;
  if (given !== undefined) return () => given;
  const file = values[`${name}_FILE` as SettingName] as string | undefined;
  if (file === undefined) return undefined;
  const schema = settings[name].schema as unknown as z.ZodType<Value<Name>, string>;
  return secretFromFile({ name, schema, file });
}

/** Undefined when none of the link's TLS settings is set. */
export function tlsIn(values: Values, link: TlsName): TlsFiles | undefined {
  const value = (part: string) => values[`${link}_${part}` as SettingName] as string | undefined;
  const tls = {
    settings: link,
    caFile: value("CA_FILE"),
    certFile: value("CERT_FILE"),
    keyFile: value("KEY_FILE"),
    serverName: value("SERVER_NAME"),
  };
  const { settings: _, ...files } = tls;
  return Object.values(files).some((file) => file !== undefined) ? tls : undefined;
}

/** TLS with nothing but what Node knows by itself. */
export const publicTls = (link: string): TlsFiles => ({
  settings: link,
  caFile: undefined,
  certFile: undefined,
  keyFile: undefined,
});
