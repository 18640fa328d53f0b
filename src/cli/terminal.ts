/** What a command may use of the process around it, so that tests can stand in for it. */

export interface Terminal {
  out(text: string): void;
  /** For people: progress, notes. Never results. */
  note(text: string): void;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdin: AsyncIterable<Uint8Array | string>;
  /** Whether progress may be drawn. */
  readonly terminal: boolean;
  /** The size of what results are shown on; undefined where that is no terminal. */
  readonly screen?:
    | (() => { readonly columns: number; readonly rows: number } | undefined)
    | undefined;
  /** Aborts on Ctrl-C. */
  readonly signal: AbortSignal;
}
