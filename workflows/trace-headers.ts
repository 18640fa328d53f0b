/**
 * What a trace needs of a workflow: the context that came with its start, its latest signal or
 * update is passed to the activities that it schedules. It decides nothing and adds no command, so
 * a history without the header replays as before.
 */

import type { Headers, WorkflowInterceptorsFactory } from "@temporalio/workflow";
import { traceHeader } from "../src/contract/merge.ts";

export const interceptors: WorkflowInterceptorsFactory = () => {
  let latest: Headers = {};
  const hear = <Input extends { readonly headers: Headers }>(input: Input): Input => {
    const header = input.headers[traceHeader];
    if (header !== undefined) latest = { [traceHeader]: header };
    return input;
  };
  const told = <Input extends { readonly headers: Headers }>(input: Input): Input => ({
    ...input,
    headers: { ...input.headers, ...latest },
  });
  return {
    inbound: [
      {
        execute: (input, next) => next(hear(input)),
        handleSignal: (input, next) => next(hear(input)),
        handleUpdate: (input, next) => next(hear(input)),
      },
    ],
    outbound: [
      {
        scheduleActivity: (input, next) => next(told(input)),
        continueAsNew: (input, next) => next(told(input)),
      },
    ],
  };
};
