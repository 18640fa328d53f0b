/** What processes of a test inherit: its own settings, and nothing that a person has configured for a run of theirs. */

const models = /^FRESHET_(MODEL_DIR|MODEL_GRAPH|EMBED_PRECISION|CACHE_DIR)$/;

export function inheritedEnvironment(): Record<string, string> {
  const kept = Object.entries(process.env).filter(
    (entry): entry is [string, string] =>
      entry[1] !== undefined && (!entry[0].startsWith("FRESHET_") || models.test(entry[0])),
  );
  return Object.fromEntries(kept);
}
