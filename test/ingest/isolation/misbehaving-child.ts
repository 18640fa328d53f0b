/**
 * An isolated process that does what the payload tells it: `die`, `hang` (its main thread), `mute`,
 * `refuse`, or the id of a document. With the argument `dead` or `mute` it never becomes ready. A
 * program, not a test.
 */
import { FreshetError } from "../../../src/contract/errors.ts";
import type { DocumentId } from "../../../src/contract/ids.ts";
import {
  failedReply,
  type IsolatedReply,
  requestOf,
} from "../../../src/ingest/isolation/protocol.ts";

const say = (reply: IsolatedReply): void => void process.send?.(reply);

process.once("disconnect", () => process.exit());
process.on("message", (message) => {
  const request = requestOf(message);
  if (request === undefined) throw new Error("an engine sends requests only");
  const word = new TextDecoder().decode(request.payload);
  const documentId = `the ${word}` as DocumentId;
  say({ kind: "named", documentId });
  switch (word) {
    case "die":
      setImmediate(() => process.abort());
      break;
    case "hang":
      setImmediate(() => {
        for (;;);
      });
      break;
    case "mute":
      break;
    case "refuse":
      say(failedReply(new FreshetError("embedding_failed")));
      break;
    default:
      say({ kind: "progress" });
      say({ kind: "outcome", outcome: { kind: "delete", documentId } });
  }
});

if (process.argv[2] === "dead") process.exit(3);
if (process.argv[2] !== "mute") say({ kind: "ready" });
