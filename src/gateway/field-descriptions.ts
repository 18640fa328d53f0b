/**
 * What each field of the OpenAPI document means, for readers of `/docs` and for generated clients.
 * A word means one thing everywhere, so most have one line; where a field's meaning depends on what
 * it is a part of, its line names that part.
 */

type Json = Readonly<Record<string, unknown>>;

const descriptions: Readonly<Record<string, string>> = {
  // --- documents -------------------------------------------------------------------------------
  op: "`upsert`, the default, or `delete`",
  id: "the document",
  text: "the passage, redacted",
  "Upsert.text": "plain text or Markdown; replaces what the document was",
  title: "of the document, where it has one",
  "Problem.title": "the kind of the error in a few words",
  source: "where the document comes from, such as an address of the web",
  timestamp: "the time that the author gave, RFC 3339",
  published_at: "when this version was published, by the log's clock, RFC 3339",
  expires_at: "when it stops being found, RFC 3339",
  language: "BCP 47, as it was published",
  "Question.language": "BCP 47: asked of the model for the answer",
  acl: "labels: to a credential with groups the document is there if one of them is among those",
  metadata: "values by key, for filters and for callers; redacted",
  seq: "sequence of the operation; given as `min_seq` to a question that must see it",
  documents: "live documents",
  "DocumentPage.documents": "a part of the tenant's live documents",
  "last_minute.documents": "published in the last minute",
  next: "what `after` of the next page has to be; null at the end",
  shard: "`cold` where it is merged, also when memory answered; else `hot`",
  "DocumentState.status": "`visible` to questions, or `absent`",
  visible_seq: "every operation of the tenant up to this one is covered",

  // --- questions -------------------------------------------------------------------------------
  query: "the question; redacted before it is embedded",
  top_k: "sources at most",
  max_tokens: "length of the answer in tokens of the model",
  filter: "only documents that match",
  recency: "newer documents before older ones",
  field: "what a document's age is counted from",
  half_life_s: "seconds after which half of the weighted part is gone",
  weight: "0: age plays no part; 1: a document of great age counts nothing",
  mode: "`search` skips the model: `answer` is empty",
  min_seq: "read your writes: waits until everything up to this publish is visible",
  wait_ms: "how long to wait for that, and for an owner of the tenant",
  deadline_ms: "for the whole question",
  max_staleness_ms: "every operation acknowledged longer ago is in the reply, or it is refused",
  as_of: "documents and versions as they were after this operation, or at this time",
  stream: "the answer in pieces",
  generation: "of a tenant that is re-embedded: this one, whichever answers by itself",
  "origin.generation": "under which embedding model; absent for the first",
  cache: "false: searched and written anew, and kept for no other question",
  "Answer.cache": "what was taken from an equal question",
  rank_by: "by meaning and words together, by meaning alone, or by words alone",
  min_cosine: "passages whose cosine with the question is below it are left out",
  decline: "whether a question that nothing found is about is refused, before the model is asked",
  diversity: "0: near-duplicates are counted, not shown; above 0 passages that differ come first",
  context: "what the model reads: the passage, its two neighbours too, or its document",
  "sources.context": "what the model reads in place of `text`",
  "passages.context": "what the model reads in place of `text`",
  "coverage.context": "whether all of the context that was asked for could be read",
  "context.text": "the chunks together",
  first: "the first chunk of it",
  last: "the last chunk of it",
  rerank: "false: a reranker that the engine has is not asked",
  "sources.rerank": "what the reranker said of it",
  "passages.rerank": "what the reranker said of it",
  "coverage.rerank": "whether the reranker's order is there, or why not",
  explain: "true: the reply says why the sources are what they are",
  "Answer.explain": "why the sources are what they are",
  history: "the conversation before this question, oldest first",
  role: "who said it",
  content: "what was said",
  instructions: "wishes for the answer's form; they change no rule about the sources",
  max_sentences: "of the answer, at most",
  quote: "true: nothing leaves but sentences of the sources, to the letter, with their markers",

  // --- answers ---------------------------------------------------------------------------------
  answer: "text with citations: `[1]` is the first of `sources`; empty for a search",
  "cache.answer": "whether the text was kept from an equal question",
  "cache.search": "whether the sources were kept from an equal question",
  sources: "what was found and shown, best first",
  "explain.sources": "the places of each source in the lists that were fused",
  "prompt.sources": "sources that the prompt held",
  version: "the `seq` of the publish that it comes from",
  chunk: "which piece of the document, from 0",
  score: "0 to 1, comparable within one reply only",
  "relevance.score": "how far what was found is about the question, 0 to 1",
  start: "where it begins in the version's cleaned and redacted text, UTF-16 units",
  end: "what it ends before, in the same units",
  "sentence.start": "where the sentence begins in `answer`, UTF-16 units",
  "sentence.end": "what it ends before, in the same units",
  heading: "headings above the passage, the outermost first",
  cosine: "of passage and question, -1 to 1",
  bm25: "how well its words match, from 0, comparable within one reply only",
  sparse: "how well the weighted words of passage and question agree, from 0",
  "coverage.sparse": "whether all that was ranked had weighted words",
  duplicates: "near-duplicates that were left out for it",
  citations: "one for each marker of each cited sentence, in their order",
  marker: "the number in brackets",
  sentence: "where the cited sentence stands in `answer`",
  support: "whether the words, numbers and names of the sentence are in what it cites",
  rewritten_query: "what was searched for in place of a question that leaned on `history`",
  origin: "whose documents, and of which log",
  tenant: "whose they are",
  deployment: "the log in which sequences mean something",
  coverage: "what the answer rests on",
  "relevance.coverage": "share of the question's words that the best passage holds",
  "coverage.hot": "`complete`: everything visible in memory was searched",
  "coverage.cold": "`complete`, or why Weaviate was not asked or is not covered",
  llm: "who wrote the answer: the model's name, `extractive`, or `none` for a search",
  "timings.llm": "milliseconds until the answer was written",
  llm_reason: "why no model was asked although there is one",
  relevance: "how far what was found is about the question",
  threshold: "below it the question is declined, where that is asked for",
  finish_reason: "`length` where its tokens were used up before the answer was at its end",
  fallback: "why it was not the first endpoint of the chain that wrote the answer",
  passed: "endpoints that were passed over, in their order",
  endpoint: "its name in the configuration",
  usage: "tokens and cost of all calls of models for it",
  prompt_tokens: "that were read",
  completion_tokens: "that were written",
  total_tokens: "both together",
  cost: "by the prices of the endpoints, in their currency",
  estimated: "whether an endpoint did not count its tokens",
  timings: "milliseconds of each part",
  embed: "milliseconds until the question was embedded",
  hot: "what lies in memory",
  "timings.hot": "milliseconds of the search in memory",
  cold: "what lies in Weaviate",
  "timings.cold": "milliseconds of the search in Weaviate",
  fuse: "milliseconds of the ranking",
  total: "all of it",
  "timings.total": "milliseconds of the whole question",

  // --- explanations ----------------------------------------------------------------------------
  "explain.rank_by": "the ranking that was used",
  weights: "how much each part counts",
  nearness: "share of meaning",
  words: "share of words",
  terms: "the words of the question, as they were looked for",
  term: "folded and stemmed",
  rarity: "how much a match of it counts",
  shards: "candidates of each shard",
  hidden_superseded: "candidates that a newer version hides",
  hidden_expired: "candidates that have expired",
  cold_searches: "requests to Weaviate",
  pool: "what became of the candidates",
  candidates: "that were ranked",
  repeated: "in both lists",
  below_min_cosine: "left out by `min_cosine`",
  unmatched: "without a word of the question, where words alone rank",
  "pool.duplicates": "near-duplicates of a better one",
  beyond_top_k: "that had no place among the sources",
  dense_rank: "its place by meaning",
  lexical_rank: "its place by words",
  sparse_rank: "its place by weighted words",
  fused_rank: "its place in the fused list",
  rerank_rank: "its place by the reranker",
  lift: "what better passages that it is like added",
  freshness: "factor of `recency`",
  fused: "the fused score",
  prompt: "what the model was given",
  chars: "characters of the sources in it",
  cut: "whether a source was cut to fit",

  // --- filters ---------------------------------------------------------------------------------
  "FilterGroup.type": "`and`: all of them hold; `or`: one does",
  "FilterNot.type": "`not`: what is in it does not hold",
  "FilterComparison.type": "how the field is compared",
  filters: "what is joined",
  key: "a field of documents, or `metadata.` and a key",
  value: "what the field is compared with",
  gt: "above",
  gte: "at or above",
  lt: "below",
  lte: "at or below",

  // --- publishing and events -------------------------------------------------------------------
  results: "one for each, in their order",
  line: "its number in the body, from 1",
  error: "why it was refused",
  code: "of the error table",
  message: "what is wrong, for people",
  retryable: "whether the same request may succeed later",
  details: "more about the error, by its code",
  "Event.status": "what became of the operation",
  reason: "code of the error table",
  at: "when, RFC 3339",
  operations: "what the event became in the log",
  skipped: "why it became nothing",
  failed: "why it was refused; it lies in the source's dead letters",

  // --- state -----------------------------------------------------------------------------------
  node: "this node's name",
  ready: "whether it serves all that it owns",
  missing: "what is not there yet; empty when ready",
  recovery: "how far the node is with reading the log again",
  refusal: "why the log is not trusted, and what to do",
  partitions: "of the tenants, spread over the nodes",
  owned: "served by this node",
  joining: "owned by this node, but not served yet",
  blocked_by: "the log's error that keeps partitions from this node, such as `overloaded` (full)",
  tenants: "those that this node serves",
  "resting.tenants": "those that are not served now",
  state: "of the tenant",
  since: "unix milliseconds",
  chunks: "pieces of documents",
  bytes: "of memory",
  "last_minute.bytes": "published in the last minute",
  watermark: "record of CHUNKS up to which the tenant is merged",
  unmerged_chunks: "chunks that wait for a merge",
  records_to_replay: "records of the log that recovery has to read",
  records_replayed: "records of the log that recovery has read",
  operations_behind: "published and not visible yet",
  resting: "tenants of the installation that are not served now",
  asleep: "tenants that wake for a question or a document",
  suspended: "tenants that an operator has closed",
  erasing: "tenants that are being erased",
  erased: "tenants that are gone for good",
  quarantined: "the newest records of the log that this node skipped",
  subject: "of the record",
  why: "`foreign` or `unreadable`",
  services: "whether the services that the node needs answer",
  log: "NATS",
  "services.cold": "Weaviate",
  temporal: "Temporal",
  model: "the language model",
  "services.embedding": "embedding servers: `down` while none serves; absent where there are none",
  tenants_ready: "tenants that are served again",
  tenants_total: "tenants that are to be served",

  // --- use and quotas --------------------------------------------------------------------------
  stored_chunks: "chunks in memory and in Weaviate",
  hot_bytes: "memory of the tenant",
  last_minute: "of this tenant, at its owner",
  questions: "asked in the last minute",
  model_tokens_today: "tokens of language models since midnight UTC",
  quota: "what the tenant may use; absent fields are unbounded",
  left: "what is left of it now",
  documents_per_second: "documents a second",
  bytes_per_second: "bytes of documents a second",
  questions_per_second: "questions a second",
  model_tokens_per_day: "tokens of language models a day",
  model_seconds_today: "seconds of language models since midnight UTC",
  raw_retention_ms: "how long DOCS keeps raw text; null: for ever, absent: for the replay window",
  encryption: "whether DOCS holds what is published sealed; absent: in plain text",
  model_seconds_per_day: "seconds of language models a day",
  model_questions_at_once: "questions that language models answer at once",
  burst_seconds: "seconds of a rate that may be used at once",

  // --- merges ----------------------------------------------------------------------------------
  paused: "whether an operator has stopped it",
  lastMerge: "the one before",
  atMs: "when, unix milliseconds",
  "progress.scrub": "of the scrub in work",
  lastScrub: "of the scrub before",
  walked: "objects of Weaviate that were looked at",
  checked: "objects that must be there",
  repaired: "objects that were missing, and are written again",
  attempt: "how often it was tried",
  retryAtMs: "when it is tried again, unix milliseconds",
  "plan.kind": "whether there is anything to merge",
  letters: "what was refused, oldest first",

  // --- feedback --------------------------------------------------------------------------------
  comment: "why, for people; redacted",
  answer_id: "the caller's name of the answer that it is about",
  feedback: "what was said of answers, oldest first",

  // --- vectors ---------------------------------------------------------------------------------
  encoding_format: "numbers as JSON, or float32 in base64",
  dimensions: "of the vectors",
  input_type: "whether it is embedded as a question or as a document",
  truncate: "whether a text that the model does not take whole is cut",
  fingerprint: "of the graph that computes: different ones make different vectors",
  object: "the kind of this object",
  data: "one vector for each text",
  index: "which text, from 0",
  embedding: "the vector, of unit length",
  redacted: "whether texts were redacted first",

  // --- Dify ------------------------------------------------------------------------------------
  knowledge_id: "the tenant",
  retrieval_setting: "passages at most, and the lowest score",
  metadata_condition: "only documents whose metadata match",
  logical_operator: "whether all conditions must hold, or one",
  conditions: "of single fields",
  name: "fields of the metadata",
  comparison_operator: "how they are compared",
  records: "the passages, best first",
  error_code: "by Dify's table",
  error_msg: "what is wrong, for people",

  // --- OpenAI's forms --------------------------------------------------------------------------
  messages: "the conversation; the newest message of a user is the question",
  input: "a text, or the messages of a conversation",
  max_completion_tokens: "length of the answer; counts before `max_tokens`",
  max_output_tokens: "length of the answer",
  stream_options: "of a streamed reply",
  include_usage: "a last chunk with token counts",
  freshet: "what only Freshet knows: fields of a question",
  max_num_results: "passages at most",
  ranking_options: "of the search",
  score_threshold: "passages with a lower score are left out",
  param: "the field that is wrong, where it is known",

  // --- errors ----------------------------------------------------------------------------------
  type: "what it is",
  "Problem.type": "`urn:freshet:error:` and the code",
  "Problem.status": "of the HTTP reply",
  detail: "what is wrong, for people",
};

/** Schemas with the meaning of every field that does not say it itself. */
export function describeFields(schemas: Readonly<Record<string, Json>>): Record<string, Json> {
  return Object.fromEntries(
    Object.entries(schemas).map(([name, schema]) => [name, described(schema, name)]),
  );
}

/** @param part of what the schema's fields are a part */
function described(schema: Json, part: string): Json {
  const made: Record<string, unknown> = { ...schema };
  if (isObject(made["properties"])) {
    const fields = Object.entries(made["properties"]).map(([name, field]) => [
      name,
      isObject(field) ? describedField(field, part, name) : field,
    ]);
    made["properties"] = Object.fromEntries(fields);
  }
  for (const key of ["items", "additionalProperties"]) {
    const inner = made[key];
    if (isObject(inner)) made[key] = described(inner, part);
  }
  for (const key of ["anyOf", "oneOf", "allOf"]) {
    const inner = made[key];
    if (Array.isArray(inner)) made[key] = inner.map((each: Json) => described(each, part));
  }
  return made;
}

function describedField(field: Json, part: string, name: string): Json {
  const description = descriptions[`${part}.${name}`] ?? descriptions[name];
  const inner = described(field, name);
  // Beside a reference nothing else is looked at by many readers.
  if (description === undefined || "description" in field || "$ref" in field) return inner;
  return { description, ...inner };
}

function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** For the test that no line is left over. */
export const describedNames: readonly string[] = Object.keys(descriptions);
