/** The Pulumi program: a stack is a fleet. */

import * as path from "node:path";
import * as pulumi from "@pulumi/pulumi";
import { clientUrls } from "./clients.ts";
import { Certificates } from "./components/certificates.ts";
import { Cluster } from "./components/cluster.ts";
import { Credentials } from "./components/credentials.ts";
import { Host } from "./components/host.ts";
import { Monitoring } from "./components/monitoring.ts";
import type { HostSpec } from "./config/spec.ts";
import { quietReportedFailures } from "./failures.ts";
import { componentFiles, hostNamed, planFleet } from "./fleet.ts";
import { packageVersions } from "./platforms/packages.ts";
import { connections, layouts } from "./platforms/platform.ts";
import { forPeople, loadProgramConfig } from "./program-config.ts";
import { projectTemplates } from "./rendering/templates.ts";

quietReportedFailures();
const root = path.resolve(import.meta.dirname, "..");
const { spec, secrets } = loadProgramConfig(root);
const templates = projectTemplates(root);
const fleet = forPeople(() => planFleet(spec, layouts(spec, root), templates));
const owner = { project: pulumi.getProject(), stack: spec.stack, cluster: spec.cluster.name };

/** Machines that are the stack's own; the SDK of the cloud is loaded for them alone. */
async function madeMachines() {
  if (spec.platform !== "aws") return undefined;
  const { AwsPlatform } = await import("./components/aws/platform.ts");
  return new AwsPlatform(spec.cluster.name, {
    spec,
    owner,
    templates,
    connections: new Map([...reached].flatMap(([name, to]) => (to.platform === "ssh" ? [[name, to] as const] : []))),
    generation: (name) => {
      const { postgresql } = componentFiles(fleet.plans.get(name)!);
      return postgresql ? credentials.generation(postgresql) : "";
    },
  });
}

const machineOf = (host: HostSpec) => {
  const { memoryMb, cpus, diskMb } = host;
  const { packageSource } = spec;
  return {
    size: { memoryMb, cpus, diskMb },
    packages: packageVersions(spec, host),
    ...(packageSource ? { packageSource } : {}),
  };
};

const certificates = new Certificates("certificates", { spec, given: secrets });
const credentials = new Credentials("credentials", { spec, given: secrets, certificates });
const reached = connections(spec, fleet.layouts);
const cloud = await madeMachines();
const hosts = new Map(
  [...reached].map(([name, connection]) => [
    name,
    new Host(name, {
      connection,
      ...(cloud ? { reach: cloud.machines.get(name)!.connection, after: cloud.ready } : {}),
      ...(connection.platform === "local" ? {} : { machine: machineOf(hostNamed(spec, name)) }),
      owner,
      layout: fleet.layouts.get(name)!,
      plan: fleet.plans.get(name)!,
      credentials,
    }),
  ]),
);
const machines = cloud ? { machines: cloud.types } : {};
const cluster = new Cluster(spec.cluster.name, { spec, owner, hosts, credentials, ...machines });
cloud?.names(cluster.rollout.observed);
if (spec.monitoring) new Monitoring("monitoring", { spec, hosts, rollout: cluster.rollout });

export const primary = cluster.rollout.observed.apply((members) =>
  Object.keys(members ?? {}).find((name) => members[name]!.role === "primary"),
);
export const addresses = Object.fromEntries(spec.hosts.map((host) => [host.name, host.address]));
/** Role → database → connection URLs, with a placeholder for the password; `pgfleet clients` says more. */
export const urls = clientUrls(spec);
/** What it is for → its name, where the stack makes any. */
export const buckets = cloud ? { backup: cloud.backupBucket } : {};
/** Certificates of the authorities that clients trust, PEM: their `sslrootcert`. */
export const rootCertificates = certificates.roots && pulumi.unsecret(certificates.roots);
