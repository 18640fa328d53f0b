/** Three nats-servers as `ops/start --nats 3` starts them. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect, type NatsConnection } from "nats";
import { afterEach, expect, it } from "vitest";
import { refuseOtherLog, startNatsCluster } from "../../ops/servers/nats-cluster.ts";
import { killGroup } from "../../ops/servers/process-group.ts";
import { natsUser, openSecureFiles, readSecret } from "../../ops/servers/secure.ts";
import type { RunningServer, ServerEnd } from "../../ops/servers/supervise.ts";
import { natsProgram } from "../support/private-nats.ts";

const folders: string[] = [];
const running: RunningServer[] = [];
const newFolder = () => {
  const folder = mkdtempSync(join(tmpdir(), "freshet-nats-3-"));
  folders.push(folder);
  return folder;
};

afterEach(async () => {
  for (const server of running.splice(0)) await server.stop();
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

const leaderOf = async (connection: NatsConnection, stream: string) => {
  const manager = await connection.jetstreamManager({ checkAPI: false });
  const { cluster } = await manager.streams.info(stream);
  return {
    leader: cluster?.leader ?? "",
    behind: cluster?.replicas?.filter((one) => !one.current),
  };
};

it("takes certificates on every link, keeps three copies, and starts a killed leader again", async () => {
  const dataDir = newFolder();
  const secure = await openSecureFiles(dataDir);
  const ends: ServerEnd[] = [];
  const groups: number[] = [];
  const { servers, address } = await startNatsCluster(
    { dataDir, env: process.env, ports: {}, secure },
    await natsProgram(),
    { onEnd: (end) => ends.push(end), onStart: ({ groupId }) => groups.push(groupId) },
  );
  running.push(...servers);
  expect(address.url.split(",")).toEqual(Array(3).fill(expect.stringMatching(/^tls:/)));
  expect(readFileSync(join(dataDir, "nats-cluster/nats-2/nats.conf"), "utf8")).toMatch(
    /cluster \{[^}]*tls \{[^}]*verify: true/,
  );
  const { caFile, clientCertFile: certFile, clientKeyFile: keyFile } = secure;
  const connection = await connect({
    servers: address.url.split(","),
    tls: { caFile, certFile, keyFile },
    user: natsUser,
    pass: readSecret(secure.natsPasswordFile),
  });
  const manager = await connection.jetstreamManager();
  await manager.streams.add({ name: "KEPT", subjects: ["kept"], num_replicas: 3 });
  await connection.jetstream().publish("kept", "one");
  const { leader } = await leaderOf(connection, "KEPT");
  const killed = servers.find(({ name }) => name === leader);
  killGroup(killed?.groupId ?? Number.NaN);

  const publish = () => connection.jetstream().publish("kept", "two", { timeout: 1_000 });
  await expect.poll(() => publish().then(({ seq }) => seq > 1), { timeout: 30_000 }).toBe(true);
  const caughtUp = () => leaderOf(connection, "KEPT").then(({ behind }) => behind?.length === 0);
  await expect.poll(() => caughtUp().catch(() => false), { timeout: 30_000 }).toBe(true);
  expect(ends).toMatchObject([{ name: leader, expected: false }]);
  // A new leader counts the killed one as current until it misses it: that it runs again shows here.
  await expect.poll(() => groups.length, { timeout: 30_000 }).toBeGreaterThan(0);
  expect(groups).toEqual([killed?.groupId]);
  await connection.close();

  for (const server of running.splice(0)) {
    await server.stop();
    expect(await server.ended).toMatchObject({ expected: true });
  }
});

it("refuses the log of one server, and names the folder", () => {
  const dataDir = newFolder();
  refuseOtherLog(dataDir, 3);
  mkdirSync(join(dataDir, "nats"));
  expect(() => refuseOtherLog(dataDir, 3)).toThrow(
    `the log in ${dataDir} was made by one nats-server: start without --nats`,
  );
  refuseOtherLog(dataDir, 1);
});
