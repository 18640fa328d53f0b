/** Files to documents: what a reader takes, what it gives, and why it leaves things out. */

/** A document as it is published; checked only when it is. */
export type CorpusDocument = Readonly<Record<string, unknown>>;

export type FileKind =
  | "markdown"
  | "mdx"
  | "text"
  | "asciidoc"
  | "rst"
  | "html"
  | "json"
  | "ndjson"
  | "notebook"
  | "csv"
  | "tsv"
  | "pdf"
  | "docx"
  | "eml"
  | "calendar"
  | "subtitles"
  | "mbox";

/**
 * Why something was left out; counted and told at the end.
 *
 *   type      no kind of file that is read here
 *   encoding  text that is no UTF-8
 *   empty     nothing to read in it
 *   format    no document of the form that its kind asks for
 *   repeated  a later document of the same file has its id, and counts
 *   size      longer than a file or a document may be
 *   invalid   a document that the engine would refuse
 *   broken    it can not be read, or it ended the process that read it
 *   slow      it took longer than a file may take
 *   locked    it is encrypted and asks for a password
 *   scan      pages without a text layer, and no remote parser is set
 *   parser    the remote parser did not answer, or refused the file
 */
export type SkipReason =
  | "type"
  | "encoding"
  | "empty"
  | "format"
  | "repeated"
  | "size"
  | "invalid"
  | "broken"
  | "slow"
  | "locked"
  | "scan"
  | "parser";

export type Part =
  | { readonly document: CorpusDocument }
  | { readonly skipped: SkipReason; readonly detail?: string | undefined };

export interface CorpusFile {
  /** Where the file is, as the reader of an answer should see it. */
  readonly source: string;
  /**
   * What its document is called: the path relative to the folder that was given, with `/`. A file
   * of several documents calls the first of them so, and the others `<id>#2`, `<id>#3`, …, or after
   * what they are: `<id>#<attachment>`, `<id>#<message id>`.
   */
  readonly id: string;
  readonly kind: FileKind;
}

export interface FileReader {
  /**
   * The documents of a file, in order; at least one part for each file. Settles within a bounded
   * time, and never throws because of what the file holds.
   */
  documentsOf(file: CorpusFile, bytes: Uint8Array): Promise<readonly Part[]>;
  /** Ends the process that converts files, if there is one; the reader may be used again. */
  close(): Promise<void>;
}
