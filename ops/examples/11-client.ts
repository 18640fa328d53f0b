/**
 * The TypeScript client: publish, ask at once (questions see what the client has published),
 * stream, and hear what became of it. `freshet/client` is `@freshet/client` outside of this
 * repository.
 */
import { FreshetError, overHttp } from "freshet/client";

const freshet = overHttp({
  url: process.env["FRESHET"] ?? "http://127.0.0.1:8787",
  tenant: process.env["TENANT"] ?? "demo",
});

const published = await freshet.publish({
  id: "example-11-ferry",
  text: "The ferry to the island leaves from pier 4 at 07:40.",
});
const { answer, sources } = await freshet.ask({ query: "From which pier does the ferry leave?" });
console.log(answer, sources[0]?.id);

const [settled] = await freshet.waitUntilVisible(published);
console.log(`seq ${settled?.seq} is ${settled?.status}`);

for await (const piece of freshet.stream("When does the ferry leave?")) {
  if (piece.type === "delta") process.stdout.write(piece.text);
  if (piece.type === "done") console.log(`\n${piece.answer.coverage.hot}`);
}

await freshet.delete("example-11-ferry");
const gone = { query: "ferry to the island", filter: { id: "example-11-ferry" } };
const found = await freshet.search(gone);

const refused = await freshet.publish({ id: "", text: "no id" }).catch((error: unknown) => error);
const isTyped = refused instanceof FreshetError && refused.code === "invalid_document";
const shows = sources[0]?.id === "example-11-ferry" && settled?.status === "visible";
if (!shows || !isTyped || found.sources.length > 0) process.exitCode = 1;
