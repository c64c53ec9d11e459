/** Stack config → FleetSpec, or every problem of it at once. Pure; works with the engine and without. */

import { validateOverride } from "../tuning/validate.ts";
import { check } from "./check.ts";
import { type Access, resolveAccess } from "./checks/access.ts";
import { checkAws } from "./checks/aws.ts";
import { checkAddresses, checkPackages, checkSsh, choosePrimary } from "./checks/hosts.ts";
import { checkInitdb } from "./checks/initdb.ts";
import { checkMachine, type MachineFacts } from "./checks/machine.ts";
import { checkDatabases, checkNetworks, checkRoles, checkSecrets, checkStateDir } from "./checks/objects.ts";
import { checkParameters, type ValidateOverride } from "./checks/parameters.ts";
import { checkReplication } from "./checks/replication.ts";
import { checkRoleDetails } from "./checks/roles.ts";
import { checkRollout } from "./checks/rollout.ts";
import { checkPortClashes, listeners, resolveMonitoring, resolvePooler } from "./checks/services.ts";
import { checkState, type StateFacts } from "./checks/state.ts";
import { resolveTls } from "./checks/tls.ts";
import { isEncrypted } from "./encrypted.ts";
import { sortedHosts } from "./maps.ts";
import { normalize, type RawConfig, secretValues } from "./normalize.ts";
import { type Path, type Problem, Report } from "./problems.ts";
import { resolveAws } from "./resolve-aws.ts";
import { definedOnly, isProtected, resolveHosts } from "./resolve-hosts.ts";
import { resolveDatabases, resolveRoles } from "./resolve-objects.ts";
import { type Draft, type FleetConfig, fleetSchema } from "./schema/fleet.ts";
import type { FleetSpec, HostSpec, MonitoringSpec, PoolerSpec, TlsSpec } from "./spec.ts";
import { parseStackFile } from "./stack-file.ts";
import { unknownKeyHelp } from "./unknown-keys.ts";

export type { MachineFacts } from "./checks/machine.ts";
export type { ValidateOverride } from "./checks/parameters.ts";
export type { StateFacts } from "./checks/state.ts";
export type { RawConfig } from "./normalize.ts";
export { formatProblems, type Path, type Problem } from "./problems.ts";

export interface LoadContext {
  /** Pulumi stack name, e.g. "prod". */
  stack: string;
  /** Where a key is written, e.g. "Pulumi.local.yaml:12"; see parseStackFile. */
  locate?: ((path: Path) => string | undefined) | undefined;
  /** Given: a fleet on platform local is checked against this machine. */
  machine?: MachineFacts | undefined;
  /** Given: where the engine keeps its state is checked too. */
  state?: StateFacts | undefined;
  /** Default: the parameter facts of the project. */
  validateOverride?: ValidateOverride;
}

export type LoadResult = { ok: true; spec: FleetSpec; warnings: string[] } | { ok: false; problems: Problem[] };

/**
 * @param raw Config keys without the `postgres-fleet:` prefix; values as YAML gave them, or as the engine does
 *   (scalars and maps as text). Values of secrets are looked at, but never kept or shown.
 * @throws nothing: what is wrong is in `problems`.
 */
export function loadFleet(raw: RawConfig, context: LoadContext): LoadResult {
  const report = new Report(context.locate, secretValues(raw));
  const values = normalize(raw, report);
  const encrypted = [...report.problems];
  const draft = withoutEncryptedSecrets(values, report);

  checkInitdb(draft, report);
  const hosts = sortedHosts(resolveHosts(draft, report));
  checkAddresses(draft, report);
  const primary = choosePrimary(draft, hosts, report);
  checkReplication(draft, hosts, primary, report);
  const pooler = resolvePooler(draft, hosts, report);
  const monitoring = resolveMonitoring(draft, hosts, report);
  const tls = resolveTls(draft, report);
  checkSsh(draft, report);
  checkPackages(draft, report);
  checkAws(draft, hosts, report);
  checkDatabases(draft, report);
  checkRoles(draft, report);
  checkRoleDetails(draft, context.validateOverride ?? validateOverride, report);
  checkSecrets(draft, report);
  checkNetworks(draft, report);
  checkStateDir(draft, report);
  if (context.state) checkState(draft, context.state, report);
  checkRollout(draft, report);
  checkClusterNameLength(draft, hosts, report);
  checkParameters(draft, hosts, context.validateOverride ?? validateOverride, report);
  const ports = listeners(hosts, pooler, monitoring);
  checkPortClashes(ports, report);
  if (draft.platform === "local" && context.machine) checkMachine(draft, hosts, ports, context.machine, report);
  const access = resolveAccess(draft, { hosts, primary: primary ?? "", pooler, monitoring, tls }, report);

  // A value that is encrypted where it must not be is no longer there: its absence is not a second problem.
  const problems = report.problems.filter(
    (p, index) => index < encrypted.length || !encrypted.some((e) => e.path === p.path),
  );
  if (problems.length > 0 || primary === undefined) return { ok: false, problems };
  return {
    ok: true,
    spec: toSpec(draft as FleetConfig, context.stack, hosts, primary, access, { pooler, monitoring, tls }),
    warnings: report.warnings,
  };
}

/**
 * A stack file without the engine.
 *
 * @param content Text or bytes of `Pulumi.<stack>.yaml`.
 * @param fileName As shown in messages.
 */
export function loadStackFile(
  content: string | Uint8Array,
  fileName: string,
  context: Omit<LoadContext, "locate">,
): LoadResult {
  const file = parseStackFile(content, fileName);
  const unreadable = file.problems.length > 0 && Object.keys(file.raw).length === 0;
  if (unreadable) return { ok: false, problems: file.problems };
  const result = loadFleet(file.raw, { ...context, locate: file.locate });
  const problems = [...file.problems, ...(result.ok ? [] : result.problems)];
  return problems.length > 0 ? { ok: false, problems } : result;
}

/** Encrypted entries count as text for the schema: only their names matter below. */
function withoutEncryptedSecrets(values: RawConfig, report: Report): Draft {
  const secrets = values.secrets;
  const shown =
    typeof secrets === "object" && secrets !== null && !Array.isArray(secrets) ? { secrets: readable(secrets) } : {};
  return (check(fleetSchema, { ...values, ...shown }, [], report, unknownKeyHelp) ?? {}) as Draft;
}

function readable(secrets: object): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(secrets).map(([name, value]) => [name, isEncrypted(value) ? "encrypted" : value]),
  );
}

function checkClusterNameLength(draft: Draft, hosts: HostSpec[], report: Report): void {
  for (const { name, role } of hosts) {
    if (role === "pooler" || role === "monitoring" || draft.cluster === undefined) continue;
    const length = draft.cluster.length + 1 + name.length;
    if (length > 63)
      report.add(
        ["hosts", name],
        `with the cluster's name makes a cluster_name of ${length} characters, and PostgreSQL keeps 63. Choose a shorter name for the host or the cluster.`,
      );
  }
}

interface Services {
  pooler: PoolerSpec | undefined;
  monitoring: MonitoringSpec | undefined;
  tls: TlsSpec | undefined;
}

function toSpec(
  config: FleetConfig,
  stack: string,
  hosts: HostSpec[],
  primary: string,
  access: Access,
  { pooler, monitoring, tls }: Services,
): FleetSpec {
  const { initdb } = config;
  const aws = resolveAws(config);
  return {
    stack,
    platform: config.platform,
    cluster: {
      name: config.cluster,
      version: config.version,
      workload: config.workload,
      ...(config.connections === undefined ? {} : { connections: config.connections }),
      restart: config.restart,
      synchronous: config.synchronous,
      initdb: {
        dataChecksums: initdb.dataChecksums,
        encoding: initdb.encoding,
        localeProvider: initdb.localeProvider,
        locale: initdb.locale,
        walSegmentSizeMb: initdb.walSegmentSize,
      },
      parameters: definedOnly(config.parameters),
    },
    hosts: hosts.map((host) => (host.name === primary ? { ...host, role: "primary" } : host)),
    primary,
    gone: config.gone,
    rollout: {
      limitSeconds: config.rollout.pauseLimit,
      tries: config.rollout.pauseTries,
      terminate: config.rollout.terminateBlockers,
      ...(config.rollout.cloneRate === undefined ? {} : { cloneRateKb: config.rollout.cloneRate }),
    },
    ...(pooler ? { pooler } : {}),
    ...(monitoring ? { monitoring } : {}),
    ...(tls ? { tls } : {}),
    databases: resolveDatabases(config),
    roles: resolveRoles(config),
    ...(config.removed.roles.length === 0 ? {} : { removedRoles: config.removed.roles }),
    ...(config.objects.driver === "host" ? {} : { objects: config.objects }),
    allowedNetworks: config.allowedNetworks,
    ...(config.adminNetworks ? { adminNetworks: config.adminNetworks } : {}),
    ...(access.hba.length > 0 ? { hba: access.hba } : {}),
    ...(access.ident.length > 0 ? { ident: access.ident } : {}),
    ...(config.packages ? { packages: config.packages } : {}),
    ...(config.packageSource === "pgdg" ? { packageSource: config.packageSource } : {}),
    ...(aws ? { aws } : {}),
    state: config.state,
    protect: isProtected(config),
    ...(config.stateDir === undefined ? {} : { stateDir: config.stateDir }),
  };
}
