/**
 * The worker's side of its conversation, in a thread or in a process of its own.
 *
 * A process ends with whatever started it, and lets the signals of a terminal pass: it is its
 * parent that says when the last batch is done.
 */

import { type MessagePort, parentPort, workerData } from "node:worker_threads";
import { limits } from "../contract/limits.ts";
import { endWithParent } from "../runtime/end-with-parent.ts";
import type { WorkerReply, WorkerRequest, WorkerSettings } from "./onnx-protocol.ts";

export interface WorkerPort {
  readonly settings: WorkerSettings;
  onRequest(heard: (request: WorkerRequest) => void): void;
  /** @param transfer buffers that are moved and not copied, where that can be */
  reply(message: WorkerReply, transfer?: ArrayBuffer[]): void;
  /** After it nothing is heard, and the worker ends by itself once its replies are out. */
  end(): void;
  /** Instead of ever being ready: the reason goes to its host, and the worker ends. */
  refuse(reason: Error): Promise<never>;
}

export function openWorkerPort(): WorkerPort {
  return parentPort === null ? processPort() : threadPort(parentPort);
}

function threadPort(port: MessagePort): WorkerPort {
  return {
    settings: workerData as WorkerSettings,
    onRequest: (heard) => void port.on("message", heard),
    reply: (message, transfer = []) => port.postMessage(message, transfer),
    end: () => port.close(),
    // The host hears what a thread ends with.
    refuse: (reason) => Promise.reject(reason),
  };
}

function processPort(): WorkerPort {
  const send = process.send?.bind(process);
  if (send === undefined) throw new Error("the embedding worker is started by an embedder");
  endWithParent(limits.isolationParentMs);
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => {});
  let sent: Promise<void> = Promise.resolve();
  const reply = (message: WorkerReply): void => {
    sent = new Promise((resolve) => void send(message, undefined, undefined, () => resolve()));
  };
  // The end of the channel ends the process at once: drivers may hang in their clean-up.
  const end = (): void => void sent.then(() => process.disconnect());
  return {
    settings: JSON.parse(process.argv[2] ?? "") as WorkerSettings,
    onRequest: (heard) => void process.on("message", heard),
    reply,
    end,
    refuse: (reason) => {
      reply({
        kind: "unusable",
        message: reason.message,
      });
      end();
      return new Promise(() => {});
    },
  };
}
