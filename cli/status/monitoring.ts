/** Exporters and Prometheus, as they answer over HTTP. */

import { type FleetSpec, members } from "../../infra/config/spec.ts";
import { PORTS } from "../../infra/rendering/ports.ts";
import { firstLine, type Probe, serviceState } from "./probe.ts";
import type { ExporterStatus, PrometheusStatus, State } from "./types.ts";

/** Whether an exporter reaches what it exports; the pooler's says it for each process. */
const UP = {
  postgres_exporter: /^pg_up ([\d.]+)$/gm,
  pgbouncer_exporter: /^pgbouncer_up(?:\{[^}]*\})? ([\d.]+)$/gm,
} as const;
const PORT = { postgres_exporter: PORTS.postgresExporter, pgbouncer_exporter: PORTS.pgbouncerExporter } as const;

export async function get(url: string, signal: AbortSignal): Promise<string> {
  const response = await fetch(url, { signal }).catch((error: Error) => {
    throw new Error(
      signal.aborted ? "no answer in time" : ((error.cause as Error | undefined)?.message ?? error.message),
      { cause: error },
    );
  });
  if (!response.ok) throw new Error(`HTTP ${response.status}`);
  return response.text();
}

/** @throws Error with the reason when it does not answer, or cannot reach what it exports. */
export async function askExporter(name: ExporterStatus["name"], address: string, signal: AbortSignal): Promise<void> {
  const text = await get(`http://${address}:${PORT[name]}/metrics`, signal);
  if (!saysUp(name, text))
    throw new Error(
      `answers, but says that it does not reach ${name === "postgres_exporter" ? "PostgreSQL" : "PgBouncer"}`,
    );
}

export function saysUp(name: ExporterStatus["name"], metrics: string): boolean {
  const said = [...metrics.matchAll(UP[name])].map(([, value]) => value);
  return said.length > 0 && said.every((value) => value === "1");
}

export async function probeExporter(probe: Probe, name: ExporterStatus["name"]): Promise<ExporterStatus> {
  const { declared, signal, problems } = probe;
  const at = { name, port: PORT[name] };
  try {
    await askExporter(name, declared.address, signal);
    return { ...at, state: "running" };
  } catch (error) {
    const { state, problem } = await serviceState(probe, name);
    problems.add(
      state === "stopped"
        ? `${name} does not run${problem ? `: ${problem}` : ""}`
        : `${name} on port ${at.port}: ${firstLine(error)}`,
      true,
    );
    return { ...at, state: state === "stopped" ? "stopped" : "no answer" };
  }
}

export interface Target {
  health: "up" | "down" | "unknown";
  scrapeUrl: string;
  lastError: string;
  labels: { job?: string; host?: string };
}

/** Prometheus' active targets. */
export async function targets(address: string, port: number, signal: AbortSignal): Promise<Target[]> {
  const answer = JSON.parse(await get(`http://${address}:${port}/api/v1/targets?state=active`, signal)) as {
    data: { activeTargets: Target[] };
  };
  return answer.data.activeTargets;
}

/** How many targets the config declares: each exporter and each Prometheus. */
export const declaredTargets = (spec: FleetSpec): number =>
  members(spec).length + (spec.pooler?.hosts.length ?? 0) + (spec.monitoring?.hosts.length ?? 0);

export async function probePrometheus(probe: Probe): Promise<PrometheusStatus> {
  const { spec, declared, signal, problems } = probe;
  const port = spec.monitoring!.prometheusPort;
  const targetsDeclared = declaredTargets(spec);
  let active: Target[];
  try {
    active = await targets(declared.address, port, signal);
  } catch (error) {
    const { state, problem } = await serviceState(probe, "prometheus");
    const shown: State = state === "stopped" ? "stopped" : "no answer";
    problems.add(
      shown === "stopped"
        ? `Prometheus does not run${problem ? `: ${problem}` : ""}`
        : `Prometheus: ${firstLine(error)}`,
      true,
    );
    return { state: shown, port, targetsUp: 0, targetsDeclared };
  }
  for (const target of active) {
    if (target.health === "up") continue;
    const why = target.health === "unknown" ? "not scraped yet" : target.lastError || "down";
    problems.add(
      `Prometheus target ${target.labels.job ?? "?"} of ${target.labels.host ?? target.scrapeUrl}: ${why}`,
      true,
    );
  }
  if (active.length !== targetsDeclared)
    problems.add(`Prometheus has ${active.length} targets, declared ${targetsDeclared}`, true);
  return {
    state: "running",
    port,
    targetsUp: active.filter((target) => target.health === "up").length,
    targetsDeclared,
  };
}
