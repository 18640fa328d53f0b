/** Manifests, units, image and compose file say what the product says: ports, paths, settings. */

import { describe, expect, it } from "vitest";
import { parseAllDocuments } from "yaml";
import { z } from "zod";
import pins from "../../ops/versions.json" with { type: "json" };
import manifest from "../../package.json" with { type: "json" };
import { settings } from "../../src/config/settings.ts";
import { limits } from "../../src/contract/limits.ts";
import { readRepository, repositoryPaths } from "../architecture/repository.ts";

const files = readRepository(
  repositoryPaths().filter((path) =>
    /^ops\/(kubernetes|systemd|image)\/|^ops\/compose\.yaml$/.test(path),
  ),
);
const textOf = (path: string): string => files.find((file) => file.path === path)?.text ?? "";
const known = new Set(Object.keys(settings));
const httpPort = Number(settings.FRESHET_HTTP_PORT.fallback);

const probe = z.object({
  httpGet: z.object({ path: z.string(), port: z.string() }).optional(),
  tcpSocket: z.object({ port: z.string() }).optional(),
});
const container = z.looseObject({
  args: z.tuple([z.enum(["engine", "merge-worker"])]),
  ports: z.array(z.object({ name: z.string(), containerPort: z.int() })),
  startupProbe: probe,
  livenessProbe: probe,
  readinessProbe: probe.optional(),
  resources: z.object({ limits: z.object({ memory: z.string() }) }),
  securityContext: z.object({ readOnlyRootFilesystem: z.literal(true) }).loose(),
  env: z.array(z.looseObject({ name: z.string(), value: z.string().optional() })),
});
const workload = z.looseObject({
  kind: z.enum(["StatefulSet", "Deployment"]),
  metadata: z.object({ name: z.string() }).loose(),
  spec: z.looseObject({
    template: z.looseObject({
      spec: z.looseObject({
        containers: z.tuple([container]),
        securityContext: z.looseObject({ runAsNonRoot: z.literal(true), runAsUser: z.int() }),
        terminationGracePeriodSeconds: z.int(),
      }),
    }),
  }),
});

const documents = files
  .filter(({ path }) => path.startsWith("ops/kubernetes/"))
  .flatMap(({ text }) =>
    parseAllDocuments(text).map((document) => {
      expect(document.errors).toEqual([]);
      return document.toJS() as { readonly kind: string; readonly [field: string]: unknown };
    }),
  );
const workloads = documents
  .filter(({ kind }) => kind === "StatefulSet" || kind === "Deployment")
  .map((document) => workload.parse(document));

/** Paths of health that the gateway serves: read from where they are registered. */
const routes = [
  ...(readRepository(["src/gateway/routes.ts"])[0]?.text.matchAll(/app\.get\("(\/[a-z]+)"/g) ?? []),
].map(([, path]) => path);

describe("every file", () => {
  it.each(files.map(({ path }) => path))("%s names only settings that there are", (path) => {
    const named = [...textOf(path).matchAll(/\bFRESHET_[A-Z_]*[A-Z]\b/g)].map(([name]) => name);
    // An image is no setting of the product, and `…_KEY_FILE` in prose ends a family of names.
    const others = new Set(["FRESHET_IMAGE"]);
    expect(named.filter((name) => !known.has(name) && !others.has(name))).toEqual([]);
  });
});

describe("Kubernetes manifests", () => {
  it("are an engine and a merge worker", () => {
    expect(workloads.map(({ spec }) => spec.template.spec.containers[0].args[0]).sort()).toEqual([
      "engine",
      "merge-worker",
    ]);
  });

  it.each(workloads.map((each) => [each.metadata.name, each] as const))(
    "%s is asked by ports and paths that are there",
    (_name, { spec }) => {
      const [{ ports, ...one }] = spec.template.spec.containers;
      const names = ports.map(({ name }) => name);
      for (const { httpGet, tcpSocket } of [
        one.startupProbe,
        one.livenessProbe,
        one.readinessProbe ?? {},
      ]) {
        if (httpGet !== undefined) expect(routes).toContain(httpGet.path);
        const port = httpGet?.port ?? tcpSocket?.port;
        if (port !== undefined) expect(names).toContain(port);
      }
      const metricsPort = one.env.find(({ name }) => name === "FRESHET_MERGE_METRICS_PORT")?.value;
      const wanted = one.args[0] === "engine" ? httpPort : Number(metricsPort);
      expect(ports.map(({ containerPort }) => containerPort)).toEqual([wanted]);
    },
  );

  it("runs as the user of the image, with room for what an engine may hold", () => {
    const user = Number(/^USER (\d+):/m.exec(textOf("ops/image/Containerfile"))?.[1]);
    for (const { spec } of workloads) {
      expect(spec.template.spec.securityContext.runAsUser).toBe(user);
      expect(spec.template.spec.terminationGracePeriodSeconds * 1000).toBeGreaterThan(
        limits.stopMs,
      );
    }
    const engine = workloads.find(({ kind }) => kind === "StatefulSet");
    const memory = engine?.spec.template.spec.containers[0].resources.limits.memory ?? "";
    const bytes = Number(/^(\d+)Gi$/.exec(memory)?.[1]) * 2 ** 30;
    const { engineBytesMax, hotBytesPerNodeMax } = limits;
    expect(bytes).toBeGreaterThanOrEqual(engineBytesMax + hotBytesPerNodeMax);
  });

  it("are all in the kustomization, at this version", () => {
    const kustomization = z
      .looseObject({
        resources: z.array(z.string()),
        images: z.array(z.looseObject({ newTag: z.string() })),
      })
      .parse(documents.find(({ kind }) => kind === "Kustomization"));
    const there = files
      .map(({ path }) => path.replace("ops/kubernetes/", ""))
      .filter((path) => /^[a-z-]+\.yaml$/.test(path) && path !== "kustomization.yaml");
    expect(kustomization.resources.toSorted()).toEqual(there.toSorted());
    expect(kustomization.images.map(({ newTag }) => newTag)).toEqual([manifest.version]);
  });
});

describe("the compose file", () => {
  const [document] = parseAllDocuments(textOf("ops/compose.yaml"), { merge: true });
  const { services } = z
    .looseObject({ services: z.record(z.string(), z.looseObject({ image: z.string() })) })
    .parse(document?.toJS());

  it("has the servers at the pinned versions, and Freshet at this one", () => {
    const { nats, temporal } = pins.platforms["linux-x64"];
    expect(services["nats"]?.image).toBe(`nats:${nats.wheel.version}-alpine`);
    expect(services["temporal"]?.image).toBe(`temporalio/temporal:${temporal.wheel.version}`);
    expect(services["weaviate"]?.image).toBe(
      `semitechnologies/weaviate:${pins.weaviate.version.replace("v", "")}`,
    );
    for (const name of ["engine", "merge-worker"]) {
      expect(services[name]?.image).toBe(
        `\${FRESHET_IMAGE:-localhost/freshet:${manifest.version}}`,
      );
    }
  });

  it("asks every service for its health", () => {
    expect(
      Object.values(services).filter((service) => service["healthcheck"] === undefined),
    ).toEqual([]);
  });
});

describe("systemd units", () => {
  it.each(["engine", "merge-worker"])("of the %s start what the package has", (role) => {
    const unit = textOf(`ops/systemd/freshet-${role}.service`);
    expect(unit).toMatch(new RegExp(`^ExecStart=.* /opt/freshet/bin/freshet\\.js ${role}$`, "m"));
    const stopS = Number(/^TimeoutStopSec=(\d+)$/m.exec(unit)?.[1]);
    expect(stopS * 1000).toBeGreaterThan(limits.stopMs);
  });
});
