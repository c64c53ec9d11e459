/** A monitoring host's component: Prometheus, scraping every exporter of the fleet. */

import { hostNamed, members } from "../config/spec.ts";
import { CERTIFICATE_RULES, certificateRules } from "./certificate-rules.ts";
import { component, type HostInput, renderFile } from "./host-input.ts";
import { PORTS } from "./ports.ts";
import { yamlString } from "./quoting.ts";
import { programFile } from "./supervisor.ts";
import type { View } from "./template.ts";
import type { Component } from "./types.ts";

const MAX_SCRAPE_TIMEOUT_SECONDS = 10;

export function prometheusComponent(input: HostInput): Component {
  const { host, layout, spec } = input;
  const monitoring = spec.monitoring!;
  const listen = `${host.address}:${monitoring.prometheusPort}`;
  // A target says which host it is, never whether that is the primary: roles move, labels must not.
  const job = (name: string, hosts: readonly string[], port: number): View => ({
    name,
    targets: hosts.map((target) => ({
      address: yamlString(`${hostNamed(spec, target).address}:${port}`),
      host: yamlString(target),
    })),
  });
  const jobs = [
    job(
      "postgres",
      members(spec).map((member) => member.name),
      PORTS.postgresExporter,
    ),
    job("pgbouncer", spec.pooler?.hosts ?? [], PORTS.pgbouncerExporter),
    job("prometheus", monitoring.hosts, monitoring.prometheusPort),
  ].filter((one) => (one.targets as readonly unknown[]).length > 0);
  const rules = certificateRules(input);
  const config = renderFile(
    input,
    "prometheus",
    "prometheus.yml",
    { change: "reload" },
    {
      scrapeIntervalSeconds: monitoring.scrapeIntervalSeconds,
      scrapeTimeoutSeconds: Math.min(MAX_SCRAPE_TIMEOUT_SECONDS, monitoring.scrapeIntervalSeconds),
      clusterLabel: yamlString(spec.cluster.name),
      stackLabel: yamlString(spec.stack),
      jobs,
      rules: rules ? [{ file: yamlString(CERTIFICATE_RULES) }] : [],
    },
  );
  const program = programFile(input, "prometheus", {
    command: [
      layout.programs.prometheus,
      `--config.file=${layout.current}/prometheus/prometheus.yml`,
      `--storage.tsdb.path=${layout.prometheusData}`,
      `--storage.tsdb.retention.time=${monitoring.retentionDays}d`,
      `--web.listen-address=${listen}`,
    ],
    stopSignal: "TERM",
    stopWaitSeconds: 60,
    priority: 400,
  });
  return component("prometheus", [config, ...(rules ? [rules] : []), program]);
}
