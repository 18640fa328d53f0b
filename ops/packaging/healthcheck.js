// Exit code 0 when the process of this container answers: the image's health check. A merge worker
// with a port for its metrics answers there.
const { FRESHET_HTTP_PORT, FRESHET_MERGE_METRICS_PORT, FRESHET_HTTP_TLS_CERT_FILE } = process.env;
const isWorker = process.argv[2] === "merge-worker";
const port = isWorker ? FRESHET_MERGE_METRICS_PORT : FRESHET_HTTP_PORT || "8787";
const path = isWorker ? "/metrics" : "/healthz";
// On loopback: whose certificate that is does not matter to whether it answers.
process.env.NODE_TLS_REJECT_UNAUTHORIZED = "0";
const isTls = !isWorker && (FRESHET_HTTP_TLS_CERT_FILE ?? "") !== "";
try {
  const response = await fetch(`${isTls ? "https" : "http"}://127.0.0.1:${port}${path}`, {
    signal: AbortSignal.timeout(4000),
  });
  // Metrics may want the operator's token: a refusal is a sign of life, too.
  process.exitCode = response.ok || isWorker ? 0 : 1;
} catch {
  process.exitCode = 1;
}
