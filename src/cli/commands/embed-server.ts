/** `freshet embed-server`: vectors for engines and clients of OpenAI's API, until it is stopped. */

import { type Command, InvalidArgumentError } from "commander";
import { type Config, ConfigError, readConfig } from "../../config/config.ts";
import { Stopped, usageError } from "../exit.ts";
import type { Terminal } from "../terminal.ts";

interface EmbedServerOptions {
  readonly host?: string;
  readonly port?: string;
  readonly nats?: string;
  readonly json?: boolean;
}

export function addEmbedServer(program: Command, terminal: Terminal): void {
  program
    .command("embed-server")
    .description("serves vectors: POST /v1/embeddings for engines (FRESHET_EMBED_URL) and others")
    .option("--host <address>", "where it listens (FRESHET_HTTP_HOST); off loopback it wants keys")
    .option("--port <port>", "port (FRESHET_EMBED_SERVER_PORT); 0 lets the system choose", port)
    .option("--nats <subject>", "also serve engines below this subject of NATS (FRESHET_NATS_URL)")
    .option("--json", "the line that says that it is ready as JSON")
    .addHelpText(
      "after",
      `
It runs the model that an engine would (FRESHET_MODEL_DIR, FRESHET_EMBED_PROVIDER,
FRESHET_EMBED_PRECISION), asks for the keys that the engine would (FRESHET_API_KEYS,
FRESHET_KEY_STORE, FRESHET_OIDC_ISSUER), and shows /healthz and /metrics.

Examples:
  freshet embed-server
  freshet embed-server --port 8790 --nats freshet.embed.minilm
  FRESHET_EMBED_URL=http://127.0.0.1:8788/v1,http://127.0.0.1:8790/v1 ops/start`,
    )
    .action((options: EmbedServerOptions) => serve(options, terminal));
}

function port(value: string): string {
  if (/^\d{1,5}$/.test(value) && Number(value) <= 65_535) return value;
  throw new InvalidArgumentError("a port is a number from 0 to 65535");
}

async function serve(options: EmbedServerOptions, terminal: Terminal): Promise<void> {
  const config = configOf(options, terminal.env);
  // Loaded here: no other command needs a model.
  const { startEmbedServer } = await import("../../compose/embed-server.ts");
  const server = await startEmbedServer(config);
  try {
    const { url, model } = server;
    const ready = { url: `${url}/v1`, subject: config.embedServer.subject, model };
    terminal.out(
      options.json === true
        ? `${JSON.stringify(ready)}\n`
        : `freshet embed server listens on ${ready.url}: ${model.name}, ${model.dimensions} dimensions, ${model.fingerprint}\n`,
    );
    await new Promise<void>((resolve) => {
      if (terminal.signal.aborted) return resolve();
      terminal.signal.addEventListener("abort", () => resolve(), { once: true });
    });
  } finally {
    await server.stop();
  }
  throw new Stopped();
}

/** What was typed goes before the environment. @throws CliError usage */
function configOf({ host, port: at, nats }: EmbedServerOptions, env: Terminal["env"]): Config {
  const typed = {
    ...(host === undefined ? {} : { FRESHET_HTTP_HOST: host }),
    ...(at === undefined ? {} : { FRESHET_EMBED_SERVER_PORT: at }),
    ...(nats === undefined ? {} : { FRESHET_EMBED_SERVER_SUBJECT: nats }),
  };
  try {
    return readConfig({ ...env, ...typed });
  } catch (thrown) {
    if (thrown instanceof ConfigError) throw usageError(thrown.message);
    throw thrown;
  }
}
