import { connect, type NatsConnection } from "nats";
import { NatsSourceStore } from "../../../src/ingest/nats-source-store.ts";
import { NatsSourceStreams } from "../../../src/ingest/nats-source-streams.ts";
import { startPrivateNats } from "../../support/private-nats.ts";
import { sourcesConformance } from "./conformance.ts";

sourcesConformance("NATS", async () => {
  const server = await startPrivateNats();
  const connections: NatsConnection[] = [];
  const open = async (): Promise<NatsConnection> => {
    const connection = await connect({ servers: server.url });
    connections.push(connection);
    return connection;
  };
  const publisher = await open();
  const js = publisher.jetstream();
  const jsm = await js.jetstreamManager();
  let connection = await open();
  const streamsOf = (own: NatsConnection) =>
    new NatsSourceStreams({ connection: own, replicas: 1 });
  let streams = streamsOf(connection);
  return {
    store: new NatsSourceStore({ connection: publisher, replicas: 1 }),
    streams: {
      create: (source) => streams.create(source),
      open: (source) => streams.open(source),
      progress: (source) => streams.progress(source),
      forget: (source) => streams.forget(source),
    },
    async addStream(name) {
      await jsm.streams.add({ name, subjects: [`${name}.>`] });
    },
    async publish(_stream, subject, body) {
      return (await js.publish(subject, body)).seq;
    },
    async crash() {
      // Closed without a word: what was in hand stays pending at the server.
      await connection.close();
      connection = await open();
      streams = streamsOf(connection);
    },
    async close() {
      for (const each of connections) await each.close();
      await server[Symbol.asyncDispose]();
    },
  };
});
