/** Exporters on members and poolers, and Prometheus. They need no order with the servers. */

import * as pulumi from "@pulumi/pulumi";
import { type FleetSpec, hostNamed } from "../config/spec.ts";
import { PORTS } from "../rendering/ports.ts";
import type { Host } from "./host.ts";

export interface MonitoringArgs {
  spec: FleetSpec;
  hosts: Map<string, Host>;
  /** Puts poolers in force; an exporter of a pooler does not start before it. */
  rollout: pulumi.Resource;
}

export class Monitoring extends pulumi.ComponentResource {
  constructor(name: string, args: MonitoringArgs, options?: pulumi.ComponentResourceOptions) {
    super("pgfleet:components:Monitoring", name, {}, options);
    for (const [hostName, host] of args.hosts) {
      const { address } = hostNamed(args.spec, hostName);
      const { programs } = host.layout;
      const answers = (port: number, path = "/") => ({
        kind: "http" as const,
        url: `http://${address}:${port}${path}`,
      });
      if (host.has("postgres_exporter")) {
        host.service("postgres_exporter", {
          activate: "restart",
          program: { path: programs.postgresExporter, package: "prometheus-postgres-exporter" },
          check: answers(PORTS.postgresExporter),
        });
      }
      if (host.has("pgbouncer_exporter")) {
        host.service("pgbouncer_exporter", {
          activate: "restart",
          program: { path: programs.pgbouncerExporter, package: "prometheus-pgbouncer-exporter" },
          check: { kind: "tcp", host: address, port: PORTS.pgbouncerExporter },
          after: args.rollout,
        });
      }
      if (host.has("prometheus")) {
        host.service("prometheus", {
          activate: "reload",
          program: { path: programs.prometheus, package: "prometheus" },
          check: answers(args.spec.monitoring!.prometheusPort, "/-/ready"),
        });
      }
    }
    this.registerOutputs();
  }
}
