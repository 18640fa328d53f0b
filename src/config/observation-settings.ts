/** The settings of what is measured: traces, the canary, the merge worker's metrics. */

import { oneOf, setting, text, urlWithUser, whole } from "./schemas.ts";

/** Its exporter sends what a URL says of a user. */
const collector = urlWithUser("http", "https");

export const samplers = [
  "parentbased_always_on",
  "parentbased_always_off",
  "parentbased_traceidratio",
  "always_on",
  "always_off",
  "traceidratio",
] as const;

const share = text
  .regex(/^(0(\.\d{1,9})?|1(\.0{1,9})?)$/)
  .transform(Number)
  .meta({ expected: "a number from 0 to 1" });

/** Those of OpenTelemetry keep its names; what else its exporter reads is in observe.md. */
export const observationSettings = {
  OTEL_EXPORTER_OTLP_ENDPOINT: setting(
    undefined,
    collector,
    "collector that takes traces over OTLP/HTTP; `/v1/traces` is added. Without it nothing is traced, and no part of OpenTelemetry is loaded",
  ),
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: setting(
    undefined,
    collector,
    "the same for traces alone, taken as it is; it wins",
  ),
  OTEL_TRACES_SAMPLER: setting(
    "parentbased_always_on",
    oneOf(samplers),
    "which traces are recorded: always_on, always_off, traceidratio, or one of these after `parentbased_`, which lets a caller's own decision stand",
  ),
  OTEL_TRACES_SAMPLER_ARG: setting("1", share, "share of the traces, 0 to 1, for a `traceidratio`"),
  OTEL_SERVICE_NAME: setting(
    undefined,
    text
      .regex(/^[\w./:@~-]{1,128}$/)
      .meta({ expected: "at most 128 letters, digits, _ . / : @ ~ -" }),
    "name of the service in traces; unset means `freshet-engine` and `freshet-merge-worker`",
  ),
  FRESHET_CANARY: setting(
    "off",
    oneOf(["on", "off"]),
    "on: this node publishes, finds and deletes a document in each of its partitions all the time, under tenants of its own, and measures how long that takes",
  ),
  FRESHET_MERGE_METRICS_PORT: setting(
    undefined,
    whole(0, 65_535),
    "port on `FRESHET_HTTP_HOST` where a merge worker shows its metrics; 0 lets the system choose, unset means nowhere",
  ),
} as const;
