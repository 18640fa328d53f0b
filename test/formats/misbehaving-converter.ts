/** A process that converts as a test orders it to. */

import type { ConversionRequest } from "../../src/ingest/formats/convert.ts";

process.once("disconnect", () => process.exit());
process.on("message", ({ bytes }: ConversionRequest) => {
  const order = Buffer.from(bytes).toString();
  if (order === "die") process.exit(1);
  if (order === "hang") for (;;);
  const answer = () => process.send?.({ kind: "converted", parts: [{ text: order }] });
  if (order === "once") setTimeout(answer, 500);
  else answer();
});
process.send?.({ kind: "ready" });
