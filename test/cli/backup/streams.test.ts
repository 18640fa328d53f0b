import { expect, it } from "vitest";
import { logStreams } from "../../../src/cli/backup/streams.ts";
import { ownStreams } from "../../../src/contract/own-streams.ts";

it("a backup knows every stream that engines may write", () => {
  expect(logStreams.toSorted()).toEqual(ownStreams.toSorted());
});
