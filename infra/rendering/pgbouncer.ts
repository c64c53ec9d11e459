/** A pooler host's component: PgBouncer, one process or several. */

import { type FleetSpec, type HostSpec, hostNamed, members, type PoolerSpec } from "../config/spec.ts";
import { component, type HostInput, renderFile } from "./host-input.ts";
import { POOLER_ADMIN, readOnlyAlias, STATS_USER } from "./names.ts";
import { type PgbouncerProcess, pgbouncerProcesses, socketFolder } from "./pgbouncer-processes.ts";
import { entryLimit, fleetPoolLimits, type PoolEntry, poolEntries } from "./pools.ts";
import { PORTS } from "./ports.ts";
import { pgbouncerConnectValue, pgbouncerName, userlistWord } from "./quoting.ts";
import { type Program, programFile, programView } from "./supervisor.ts";
import { hasSystemd, unitFile } from "./systemd.ts";
import type { View } from "./template.ts";
import { pgbouncerTls, tlsFiles } from "./tls.ts";
import { type Component, type HostLayout, type PlannedFile, secretPlaceholder } from "./types.ts";
import { atLeast } from "./version.ts";

/** Debian 12's. */
export const DEFAULT_PGBOUNCER_VERSION = "1.18.0";
/** First versions that know it. */
const SINCE = { preparedStatements: "1.21", peers: "1.23", userPoolSize: "1.23" } as const;
/** Online restart (-R) was removed in it. */
const NO_TAKEOVER = "1.26";
const PREPARED_STATEMENTS = 200;
/** Open transactions get this long before a stopping PgBouncer is killed. */
const STOP_WAIT_SECONDS = 60;
/** sockaddr_un.sun_path holds 108 bytes with the final NUL. */
const SOCKET_PATH_BYTES = 107;

const versionOf = (layout: HostLayout): string => layout.versions?.pgbouncer ?? DEFAULT_PGBOUNCER_VERSION;

/** What max_prepared_statements is, and 0 where it is off or the version does not have it. */
export function maxPreparedStatements(pooler: PoolerSpec, version: string): number {
  if (!atLeast(version, SINCE.preparedStatements)) return 0;
  return pooler.maxPreparedStatements ?? PREPARED_STATEMENTS;
}

export function pgbouncerComponent(input: HostInput): Component {
  const { layout, spec } = input;
  const pooler = spec.pooler!;
  const processes = pgbouncerProcesses(pooler.processes ?? 1);
  const userlist = renderFile(
    input,
    "pgbouncer",
    "userlist.txt",
    { change: "reload", comment: ";" },
    {
      users: [
        ...spec.roles.filter((role) => role.login).map((role) => user(role.name, `${role.name}.verifier`)),
        user(STATS_USER, `${STATS_USER}.password`),
      ],
    },
  );
  const files = [...iniFiles(input, processes), userlist, ...tlsFiles(input, "pgbouncer")];
  // With no process to take over from, -R is an ordinary start.
  const takeover = !atLeast(versionOf(layout), NO_TAKEOVER);
  const program = (process: PgbouncerProcess): Program => ({
    command: [layout.programs.pgbouncer, ...(takeover ? ["-R"] : []), `${layout.current}/pgbouncer/${process.ini}`],
    // SIGINT lets open transactions end.
    stopSignal: "INT",
    stopWaitSeconds: STOP_WAIT_SECONDS,
    priority: 200,
  });
  if (hasSystemd(input)) {
    // An online restart would need two main processes for one unit.
    const units = processes.map((process) => {
      const { command, ...rest } = program(process);
      return unitFile(input, "pgbouncer", process.service, {
        ...rest,
        command: command.filter((word) => word !== "-R"),
      });
    });
    return component("pgbouncer", [...files, ...units]);
  }
  const [first, ...more] = processes;
  const supervisor = programFile(input, "pgbouncer", {
    ...program(first!),
    view: {
      takeover,
      takeoverName: first!.takeover,
      more: more.map((process) => ({
        takeoverName: process.takeover,
        program: programView(input, process.service, program(process)),
      })),
    },
  });
  return component("pgbouncer", [...files, supervisor]);
}

function iniFiles(input: HostInput, processes: PgbouncerProcess[]): PlannedFile[] {
  const { host, layout, spec } = input;
  const pooler = spec.pooler!;
  const version = versionOf(layout);
  const primary = hostNamed(spec, spec.primary);
  const replicas = members(spec).filter((member) => member.name !== primary.name);
  const readers = replicas.length > 0 ? replicas : [primary];
  const limits = fleetPoolLimits(input);
  const several = processes.length > 1;
  const entries = new Map(poolEntries(spec).map((entry) => [entry.alias, entry]));
  const line = (alias: string, hosts: string, database: string): string =>
    [
      `${pgbouncerName(alias)} = host=${hosts} port=${PORTS.postgresql} dbname=${pgbouncerConnectValue(database, "the database")}`,
      ...entryOptions(entries.get(alias)!, pooler, limits.maxDbConnections),
    ].join(" ");
  const view: View = {
    adminUsers: [POOLER_ADMIN, ...(pooler.adminUsers ?? [])].join(","),
    statsUsers: [STATS_USER, ...(pooler.statsUsers ?? [])].join(","),
    authFile: `${layout.current}/pgbouncer/userlist.txt`,
    override: `${layout.rollout}/pgbouncer.ini`,
    address: host.address,
    port: pooler.port,
    poolMode: pooler.poolMode,
    maxClientConnections: pooler.maxClientConnections,
    poolSize: pooler.poolSize,
    reservePoolSize: pooler.reservePoolSize,
    maxDbConnections: limits.maxDbConnections,
    maxDbConnectionsDetail: limits.detail,
    tls: pgbouncerTls(spec, `${layout.current}/pgbouncer`, version),
    hasTls: spec.tls !== undefined,
    hasParameters: Object.keys(pooler.parameters).length > 0,
    parameters: Object.entries(pooler.parameters).map(([name, value]) => ({ name, value })),
    preparedStatements: atLeast(version, SINCE.preparedStatements),
    maxPreparedStatements: maxPreparedStatements(pooler, version),
    version,
    several,
    databases: spec.databases.map(({ name }) => ({
      readWrite: line(name, primary.address, name),
      readOnly: line(readOnlyAlias(name), readers.map((reader) => reader.address).join(","), name),
    })),
    readers: readers.map((reader) => reader.name).join(", "),
    primary: primary.name,
    hasUsers: userLines(pooler).length > 0,
    users: userLines(pooler),
    hasPeers: several && atLeast(version, SINCE.peers),
    peers: processes.map((p) => `${p.number} = host=${socketFolder(layout.run, p)} port=${pooler.port}`),
  };
  return processes.map((process) =>
    renderFile(
      input,
      "pgbouncer",
      "pgbouncer.ini",
      { change: "reload", name: process.ini },
      { ...view, run: socketFolder(layout.run, process), number: process.number, count: processes.length },
    ),
  );
}

/** @param common max_db_connections of an entry that says nothing */
function entryOptions(entry: PoolEntry, pooler: PoolerSpec, common: number): string[] {
  const limit = entryLimit(entry, common);
  return [
    ...(entry.poolSize === pooler.poolSize ? [] : [`pool_size=${entry.poolSize}`]),
    ...(entry.reservePoolSize === pooler.reservePoolSize ? [] : [`reserve_pool=${entry.reservePoolSize}`]),
    ...(limit === common ? [] : [`max_db_connections=${limit}`]),
  ];
}

function userLines(pooler: PoolerSpec): string[] {
  return Object.entries(pooler.users ?? {}).flatMap(([name, { poolSize, maxConnections }]) => {
    const options = [
      ...(poolSize === undefined ? [] : [`pool_size=${poolSize}`]),
      ...(maxConnections === undefined ? [] : [`max_user_connections=${maxConnections}`]),
    ];
    return options.length === 0 ? [] : [`${pgbouncerName(name, "the role")} = ${options.join(" ")}`];
  });
}

/** What this host's PgBouncer cannot do; one line each. */
export function pgbouncerProblems(spec: FleetSpec, host: HostSpec, layout: HostLayout): string[] {
  const pooler = spec.pooler!;
  const version = versionOf(layout);
  const problems: string[] = [];
  const old = (key: string, since: string, instead: string): void => {
    if (!atLeast(version, since))
      problems.push(`${key}: PgBouncer ${version} of host "${host.name}" does not have it, ${since} does. ${instead}`);
  };
  if ((pooler.maxPreparedStatements ?? 0) > 0)
    old("pooler.maxPreparedStatements", SINCE.preparedStatements, "Remove it.");
  for (const [name, user] of Object.entries(pooler.users ?? {}))
    if (user.poolSize !== undefined)
      old(`pooler.users.${name}.poolSize`, SINCE.userPoolSize, `Set pooler.users.${name}.maxConnections instead.`);
  const last = pgbouncerProcesses(pooler.processes ?? 1).at(-1)!;
  const socket = `${socketFolder(layout.run, last)}/.s.PGSQL.${pooler.port}`;
  if (last.number > 1 && Buffer.byteLength(socket) > SOCKET_PATH_BYTES)
    problems.push(
      `pooler.processes: ${socket} on host "${host.name}" has ${Buffer.byteLength(socket)} bytes, a unix socket's path at most ${SOCKET_PATH_BYTES} (choose a shorter stateDir)`,
    );
  return problems;
}

function user(name: string, secret: string): { name: string; secret: string } {
  return { name: userlistWord(name), secret: `"${secretPlaceholder(secret, "userlist")}"` };
}
