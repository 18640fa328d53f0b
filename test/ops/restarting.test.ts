import { describe, expect, it } from "vitest";
import { keepRunning } from "../../ops/servers/restarting.ts";
import type { RunningServer, ServerEnd } from "../../ops/servers/supervise.ts";

/** A server that a test ends. */
function server(groupId: number) {
  const ended = Promise.withResolvers<ServerEnd>();
  const end = (expected: boolean) => ended.resolve({ name: "one", expected, message: "ended" });
  const running: RunningServer = {
    ...{ name: "one", logFile: "one.log", groupId, ended: ended.promise },
    stop: async () => end(true),
    kill: async () => end(true),
  };
  return { running, dies: () => end(false) };
}

function kept(fails: (count: number) => boolean = () => false) {
  const started = [server(1)];
  const told: string[] = [];
  const first = started[0] as ReturnType<typeof server>;
  const running = keepRunning(first.running, {
    waitMs: 0,
    start: async () => {
      if (fails(started.length)) throw new Error("its port is taken");
      const next = server(started.length + 1);
      started.push(next);
      return next.running;
    },
    onEnd: ({ message }) => told.push(message),
    onStart: ({ groupId }) => told.push(`runs as ${groupId}`),
  });
  return { running, started, told };
}

describe("a server that is kept running", () => {
  it("is started again when it dies, under its new process group", async () => {
    const { running, started, told } = kept();
    started[0]?.dies();
    await expect.poll(() => running.groupId).toBe(2);
    expect(told).toEqual(["ended", "runs as 2"]);
    await running.stop();
    expect(await running.ended).toMatchObject({ expected: true });
    expect(started).toHaveLength(2);
  });

  it("RS1: is given up when it does not start, with the reason, or dies again and again", async () => {
    const never = kept(() => true);
    never.started[0]?.dies();
    expect(await never.running.ended).toMatchObject({
      ...{ expected: false, message: "its port is taken" },
    });
    const often = kept();
    for (let life = 0; life < 6; life += 1) {
      await expect.poll(() => often.started.length).toBe(life + 1);
      often.started[life]?.dies();
    }
    expect(await often.running.ended).toMatchObject({ expected: false, message: "ended" });
    expect(often.started).toHaveLength(6);
  });

  it("RS2: stays stopped, also when it is stopped while it starts again", async () => {
    const starting = Promise.withResolvers<RunningServer>();
    const first = server(1);
    const running = keepRunning(first.running, { waitMs: 0, start: () => starting.promise });
    first.dies();
    await new Promise((resolve) => setTimeout(resolve, 20));
    const stopped = running.stop();
    const second = server(2);
    starting.resolve(second.running);
    await stopped;
    expect(await second.running.ended).toMatchObject({ expected: true });
  });
});
