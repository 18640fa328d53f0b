/** Two versions of the merge workers side by side, as in an upgrade, on a real Temporal. */
import { expect, it } from "vitest";
import type { TenantId } from "../../src/contract/ids.ts";
import type { WorkerVersions } from "../../src/merges/port.ts";
import { connectVersions } from "../../src/merges/temporal/versions.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import { coldState, RecordWriter, writeStory } from "../activities/world.ts";
import { bench, describeRun, undisturbed, valve } from "./bench.ts";
import { type Deployment, eventually, freshName, server } from "./cluster.ts";

const version = (buildId: string, becomesCurrent = false) => ({ buildId, becomesCurrent });

/** What an operator sees of each version. */
async function statesOf(versions: WorkerVersions) {
  const { versions: listed } = await versions.list();
  return Object.fromEntries(listed.map(({ buildId, state }) => [buildId, state]));
}

/** The version that took the newest step of the tenant's run. */
async function takenBy(tenant: TenantId): Promise<string | undefined> {
  const { raw } = await describeRun(tenant);
  return raw.workflowExecutionInfo?.versioningInfo?.deploymentVersion?.buildId ?? undefined;
}

const connect = ({ taskQueue }: Deployment): Promise<WorkerVersions> =>
  connectVersions({ ...server(), taskQueue, clock: systemClock });

it("what version 1 began ends well while 2 is current, new work starts on 2, and goes back to 1", async () => {
  let gate: ReturnType<typeof valve> | undefined;
  const { world, tenant, writer, deployment } = bench("upgrade", {
    cold(plain) {
      gate = valve(plain);
      return gate.cold;
    },
  });
  const versions = await connect(deployment);
  /** A tenant that was never merged before. */
  const another = async (label: string): Promise<TenantId> => {
    const name = freshName(label);
    await new RecordWriter(world.log, name).upsert("alpha");
    expect(await deployment.client.force(name)).toMatchObject({ kind: "merged", written: 1 });
    return name;
  };
  try {
    expect(await versions.list()).toEqual({ current: null, versions: [] });
    const one = await deployment.joinWorker(version("1.0.0", true));
    await writeStory(writer);
    gate?.shut();
    const forced = deployment.client.force(tenant);
    await eventually(() => (gate?.waiting() ?? 0) > 0);
    expect(await takenBy(tenant)).toBe("1.0.0");

    await deployment.joinWorker(version("2.0.0"));
    await eventually(async () => "2.0.0" in (await statesOf(versions)));
    expect(await statesOf(versions)).toEqual({ "1.0.0": "current", "2.0.0": "waiting" });
    await versions.makeCurrent("2.0.0");
    await eventually(async () => (await statesOf(versions))["1.0.0"] === "draining");
    expect(await versions.list()).toMatchObject({ current: "2.0.0" });

    gate?.release();
    expect(await forced).toMatchObject({ kind: "merged", merges: 1 });
    expect(coldState(world.cold, tenant)).toEqual(await undisturbed(writeStory));
    expect(await takenBy(await another("new"))).toBe("2.0.0");
    await eventually(async () => (await describeRun(tenant)).status.name === "COMPLETED");
    expect(await takenBy(tenant)).toBe("2.0.0");
    await eventually(async () => (await statesOf(versions))["1.0.0"] === "drained");
    await one.shutdown();

    const paused = await another("paused");
    await deployment.client.pause(paused);
    await deployment.joinWorker(version("1.0.0"));
    await versions.makeCurrent("1.0.0");
    expect(await takenBy(await another("back"))).toBe("1.0.0");
    // One that version 2 began goes on where it was.
    expect(await deployment.client.resume(paused)).toMatchObject({ paused: false });
    expect(await takenBy(paused)).toBe("1.0.0");
    await expect(versions.makeCurrent("3.0.0")).rejects.toMatchObject({ code: "not_found" });
  } finally {
    await versions.close();
  }
});

it("a worker without a version says that it gets no work, and gets it when told so", async () => {
  const { world, tenant, writer, deployment } = bench("unversioned");
  const versions = await connect(deployment);
  try {
    const one = await deployment.joinWorker(version("1.0.0", true));
    await writer.upsert("alpha");
    expect(await deployment.client.force(tenant)).toMatchObject({ kind: "merged" });
    await one.shutdown();
    const warned: object[] = [];
    world.ports.logger.warn = (fields) => void warned.push(fields);
    await deployment.joinWorker();
    expect(warned).toContainEqual({ version: null, current: "1.0.0" });
    await versions.makeCurrent(null);
    expect((await versions.list()).current).toBeNull();
    await writer.upsert("beta");
    expect(await deployment.client.force(tenant)).toMatchObject({ kind: "merged", written: 1 });
  } finally {
    await versions.close();
  }
});
