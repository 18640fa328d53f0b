import { it } from "vitest";
import { freshTenant, openSite } from "../support/engine-process.ts";
import { httpClient } from "../support/http-service.ts";
import { tellQuestionStory } from "./stories.ts";

it("the story of a question, through the real servers, the real model and the real processes", async () => {
  const site = await openSite();
  try {
    const [engine] = await Promise.all([site.startEngine(), site.startMergeWorker()]);
    const { log, cold, merges, event } = site;
    const service = httpClient(engine.url);
    await tellQuestionStory({ log, cold, merges, event, service }, freshTenant("story"));
  } finally {
    await site.close();
  }
});
