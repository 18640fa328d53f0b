/** Asking an actor: a message that carries where its answer goes. */

export interface Reply<Value> {
  resolve(value: Value): void;
  reject(error: unknown): void;
}

/**
 * A message that expects an answer has its reply under this name, so that the runtime can refuse
 * it.
 */
export interface Asks<Value> {
  readonly reply: Reply<Value>;
}

export function replyOf(message: unknown): Reply<unknown> | undefined {
  if (typeof message !== "object" || message === null || !("reply" in message)) return undefined;
  return (message as Asks<unknown>).reply;
}

/**
 * Builds a message around a fresh reply, sends it, and resolves with the answer. `send` returns
 * false when the mailbox refused the message; then `refused` says with what error.
 */
export function ask<Value, Message>(options: {
  readonly message: (reply: Reply<Value>) => Message;
  readonly send: (message: Message) => boolean;
  readonly refused: () => Error;
}): Promise<Value> {
  return new Promise<Value>((resolve, reject) => {
    if (!options.send(options.message({ resolve, reject }))) reject(options.refused());
  });
}
