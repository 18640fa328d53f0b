/**
 * Who sees what inside a tenant. A document carries labels (`acl`), a credential carries groups;
 * here the one clause is made of them that every read of documents applies.
 *
 *   AC1  groups come from a credential and from nothing else: no field of a question, no filter and
 *        no header can add one;
 *   AC2  a document is seen if one of its labels is among the groups, or if it has no labels and
 *        the engine shows those to everybody; an empty list of labels is seen by no groups at all;
 *   AC3  no clause means that all of the tenant is seen: that is what a credential without groups
 *        may.
 */

import { createHash } from "node:crypto";
import { isAclLabel } from "./document.ts";

/** What the groups of a credential see of documents that have no labels. */
export const aclDefaults = ["allow", "deny"] as const;
export type AclDefault = (typeof aclDefaults)[number];

export interface Access {
  readonly groups: ReadonlySet<string>;
  readonly seesUnlabelled: boolean;
  /** Two clauses have the same if they admit the same: what is kept for one is not another's. */
  readonly key: string;
}

/** The clause of a credential (AC3). Groups that can be no label admit nothing and are left out. */
export function accessOf(
  groups: readonly string[] | undefined,
  aclDefault: AclDefault,
): Access | undefined {
  if (groups === undefined) return undefined;
  const known = made.get(groups);
  if (known?.aclDefault === aclDefault) return known.access;
  const access = madeOf(groups, aclDefault);
  made.set(groups, { aclDefault, access });
  return access;
}

/** A key of the store has the same list in each of its requests. */
const made = new WeakMap<
  readonly string[],
  { readonly aclDefault: AclDefault; readonly access: Access }
>();

function madeOf(groups: readonly string[], aclDefault: AclDefault): Access {
  const own = [...new Set(groups)].filter((group) => isAclLabel(group)).sort();
  const written = JSON.stringify([aclDefault, own]);
  return {
    groups: new Set(own),
    seesUnlabelled: aclDefault === "allow",
    key: createHash("sha256").update(written).digest("base64url"),
  };
}

/** AC2. @param labels of a document; undefined: it has none */
export function admits(access: Access | undefined, labels: readonly string[] | undefined): boolean {
  if (access === undefined) return true;
  if (labels === undefined) return access.seesUnlabelled;
  return labels.some((label) => access.groups.has(label));
}

/** What a reader is told of a document's labels: those that are its own groups. */
export function shownLabels(
  access: Access | undefined,
  labels: readonly string[],
): readonly string[] {
  return access === undefined ? labels : labels.filter((label) => access.groups.has(label));
}
