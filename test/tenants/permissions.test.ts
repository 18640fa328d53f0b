import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isTenantId, type TenantId } from "../../src/contract/ids.ts";
import { logStreams } from "../../src/contract/own-streams.ts";
import { apiEndpoints } from "../../src/contract/service-subjects.ts";
import { streamNames } from "../../src/log/nats/streams.ts";
import {
  accountPermissions,
  enginePermissions,
  type Permissions,
  pushPermissions,
  replyPermissions,
  staticPermissions,
  tenantPermissions,
} from "../../src/tenants/permissions.ts";

const tenants = fc
  .stringMatching(/^[A-Za-z0-9_-]{1,64}$/)
  .filter((name): name is TenantId => isTenantId(name));

/** As nats-server matches a subject with a pattern. */
function matches(pattern: string, subject: string): boolean {
  const [want, has] = [pattern.split("."), subject.split(".")];
  for (const [at, token] of want.entries()) {
    if (token === ">") return has.length > at;
    if (has[at] === undefined || (token !== "*" && token !== has[at])) return false;
  }
  return want.length === has.length;
}

type Way = "publish" | "subscribe";
const may = (permissions: Permissions, way: Way, subject: string): boolean =>
  permissions[way].allow.some((one) => matches(one, subject)) &&
  !permissions[way].deny.some((one) => matches(one, subject));

/** The list in the guide, for who writes the user of Freshet by hand. */
function subjectsOfGuide(): readonly string[] {
  const guide = readFileSync(new URL("../../ops/guides/own-servers.md", import.meta.url), "utf8");
  const list = /subscribes to the subjects\n([^:]+):/.exec(guide)?.[1] ?? "";
  return [...list.matchAll(/`([^`]+)`/g)].map(([, subject = ""]) => subject);
}

describe("permissions on NATS", () => {
  it("the subjects that the guide lists are enough for all that Freshet does, and no more", () => {
    const all = [enginePermissions({ sourceStreams: ["CDC"] }), replyPermissions].flatMap((of) => [
      ...of.publish.allow,
      ...of.subscribe.allow,
    ]);
    const listed = subjectsOfGuide();
    expect(all.filter((one) => !listed.some((wide) => matches(wide, one)))).toEqual([]);
    expect(listed.filter((wide) => !all.some((one) => matches(wide, one)))).toEqual([]);
  });

  it("all four lists of everybody say something: a missing one would allow everything", () => {
    const everybody = [
      ...[accountPermissions, replyPermissions, pushPermissions],
      enginePermissions({ sourceStreams: [] }),
      ...[staticPermissions, tenantPermissions].map((of) => of("acme" as TenantId)),
    ];
    for (const { publish, subscribe } of everybody) {
      for (const list of [publish.allow, publish.deny, subscribe.allow, subscribe.deny]) {
        expect(list.length).toBeGreaterThan(0);
        expect(list).not.toContain(">");
      }
    }
  });

  it("a tenant may do its own things, and none of them for any other tenant", () => {
    const own = (tenant: TenantId): readonly (readonly [Way, string])[] => [
      ["publish", `docs.${tenant}`],
      ["publish", `query.${tenant}`],
      ...[...apiEndpoints, "cancel"].map((one) => ["publish", `api.${tenant}.${one}`] as const),
      ["subscribe", `events.${tenant}`],
      ["subscribe", `_INBOX.${tenant}.abc.1`],
    ];
    fc.assert(
      fc.property(tenants, tenants, (mine, other) => {
        fc.pre(mine !== other);
        const permissions = tenantPermissions(mine);
        for (const [way, subject] of own(mine)) expect(may(permissions, way, subject)).toBe(true);
        for (const [way, subject] of own(other)) {
          expect(may(permissions, way, subject)).toBe(false);
        }
      }),
    );
  });

  it("no deny takes back what the same list allows", () => {
    const everybody = [
      ...[accountPermissions, replyPermissions, pushPermissions],
      enginePermissions({ sourceStreams: ["orders"] }),
      ...[staticPermissions, tenantPermissions].map((of) => of("acme" as TenantId)),
    ];
    for (const { publish, subscribe } of everybody) {
      for (const { allow, deny } of [publish, subscribe]) {
        for (const one of allow) {
          const example = one.replaceAll("*", "x").replaceAll(">", "x");
          expect(deny.filter((pattern) => matches(pattern, example))).toEqual([]);
        }
      }
    }
  });

  it("the engine may reach every stream of the log, delete none, and write no inbox", () => {
    expect([...logStreams].sort()).toEqual(Object.values(streamNames).sort());
    const engine = enginePermissions({ sourceStreams: ["orders"] });
    for (const stream of logStreams) {
      expect(may(engine, "publish", `$JS.API.STREAM.INFO.${stream}`)).toBe(true);
      expect(may(engine, "publish", `$JS.API.STREAM.DELETE.${stream}`)).toBe(false);
    }
    expect(may(engine, "publish", "$JS.API.STREAM.INFO.orders")).toBe(true);
    expect(may(engine, "publish", "$JS.API.STREAM.PURGE.orders")).toBe(false);
    expect(may(engine, "publish", "$JS.API.STREAM.INFO.others")).toBe(false);
    expect(may(engine, "publish", "_INBOX.abc.1")).toBe(false);
    for (const subject of ["query.acme", "api.acme.publish", "freshet.gone.x.1"]) {
      expect(may(engine, "subscribe", subject)).toBe(false);
    }
  });

  it("what answers may write inboxes only", () => {
    for (const subject of ["_INBOX.abc.1", "_INBOX.acme.abc.1", "_R_.abc.def"]) {
      expect(may(replyPermissions, "publish", subject)).toBe(true);
    }
    const others = ["query.b", "api.b.publish", "freshet.gone.x.1"];
    for (const subject of ["chunks.0.b", "events.b", "docs.b", "$KV.freshet_leases.0", ...others]) {
      expect(may(replyPermissions, "publish", subject)).toBe(false);
    }
  });
});
