/**
 * What a mirror takes away: the live documents of its scope that the source does not hold. Pure; it
 * decides on what was read of the log a moment ago, and on what could be read of the files.
 *
 *   MI1  what is there and could not be read stays; when it cannot be told what that is, all stays;
 *   MI2  much at once, everything, or what others published is deleted only when a person said so.
 */

import type { DocumentId } from "../../contract/ids.ts";
import { limits } from "../../contract/limits.ts";
import type { Contents } from "./corpus.ts";
import { shownPath } from "./problems.ts";

export interface MirrorOptions {
  /** Beginnings of the ids that the source stands for; an empty one is the whole tenant. */
  readonly scopes: readonly string[];
  /** Whether a person named the scope: then documents of other publishers in it are meant, too. */
  readonly isNamed: boolean;
  /** Deletes without asking. */
  readonly yes: boolean;
  /** How many, or which share of the scope, is deleted without asking. */
  readonly deleteMax?: DeleteMax | undefined;
}

export type DeleteMax =
  | { readonly kind: "documents"; readonly count: number }
  | { readonly kind: "percent"; readonly share: number };

export interface MirrorState {
  readonly live: ReadonlySet<DocumentId>;
  /** Live documents of the tenant that the log does not name any more. */
  readonly unnamed: number;
  readonly contents: Contents;
  /** Whether this machine published the document. */
  readonly isOurs: (id: DocumentId) => boolean;
  /** Whether its file has come while the folders were read. */
  readonly hasCome: (id: DocumentId) => boolean;
}

export interface MirrorPlan {
  readonly deletes: readonly DocumentId[];
  /** Live documents of the scope, before. */
  readonly live: number;
  /** Not in what was read, and left alone: their files are there, or may be. */
  readonly kept: number;
  readonly unnamed: number;
  /** Why nothing is deleted, and what to do. */
  readonly refused?: string | undefined;
}

export function planMirror(options: MirrorOptions, state: MirrorState): MirrorPlan {
  const { contents, unnamed } = state;
  const scoped = [...state.live].filter((id) => isInScope(id, options.scopes));
  const gone = scoped.filter((id) => !contents.ids.has(id));
  const kept = gone.filter((id) => isUnread(id, contents.unread) || state.hasCome(id));
  const stays = new Set(kept);
  const deletes = gone.filter((id) => !stays.has(id)).sort();
  const counts = { live: scoped.length, kept: kept.length, unnamed };
  const refused = refusalOf(options, { deletes, live: scoped.length, state });
  if (refused === undefined) return { ...counts, deletes };
  return { ...counts, deletes: [], kept: kept.length + deletes.length, refused };
}

export function isInScope(id: string, scopes: readonly string[]): boolean {
  return scopes.some((scope) => id.startsWith(scope));
}

/** The names of what could not be read: of a file its id, of a folder the beginning of ids. */
function isUnread(id: string, unread: readonly string[]): boolean {
  return unread.some((name) => {
    const isFolder = name === "" || name.endsWith("/");
    // A file may be several documents.
    return name === id || id.startsWith(isFolder ? name : `${name}#`);
  });
}

function refusalOf(
  { isNamed, yes, deleteMax }: MirrorOptions,
  {
    deletes,
    live,
    state,
  }: {
    readonly deletes: readonly DocumentId[];
    readonly live: number;
    readonly state: MirrorState;
  },
): string | undefined {
  if (deletes.length === 0) return undefined;
  const { contents, isOurs } = state;
  const [unknown] = contents.unknown;
  if (unknown !== undefined) {
    return `${unknown} could not be read whole, so it is not known which documents are gone`;
  }
  if (yes) return undefined;
  const what = `${deletes.length} of ${live} documents would be deleted`;
  if (contents.ids.size === 0) return `the source is empty: ${what}; --yes deletes them`;
  const foreign = isNamed ? [] : deletes.filter((id) => !isOurs(id));
  if (foreign.length > 0) {
    const first = shownPath(foreign[0] as string);
    return `${foreign.length} documents of the tenant were not published from here (the first is ${first}): name what the folder stands for with --prefix, or delete them with --yes`;
  }
  const max = maxOf(deleteMax, live);
  if (deletes.length <= max) return undefined;
  return `${what}, more than ${max}: look with --dry-run, then --yes or --delete-max`;
}

function maxOf(deleteMax: DeleteMax | undefined, live: number): number {
  if (deleteMax === undefined) {
    const share = Math.floor((live * limits.ingestDeleteSharePercent) / 100);
    return Math.max(share, limits.ingestDeleteFreelyMax);
  }
  if (deleteMax.kind === "documents") return deleteMax.count;
  return Math.floor((live * deleteMax.share) / 100);
}
