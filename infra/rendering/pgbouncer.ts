/** A pooler host's component: PgBouncer. */

import { hostNamed, members } from "../config/spec.ts";
import { atLeast, component, type HostInput, renderFile } from "./host-input.ts";
import { POOLER_ADMIN, readOnlyAlias, STATS_USER } from "./names.ts";
import { fleetPoolLimits } from "./pools.ts";
import { PORTS } from "./ports.ts";
import { pgbouncerConnectValue, pgbouncerName, userlistWord } from "./quoting.ts";
import { programFile } from "./supervisor.ts";
import { type Component, secretPlaceholder } from "./types.ts";

/** Debian 12's. */
const DEFAULT_VERSION = "1.18.0";
/** Open transactions get this long before a stopping PgBouncer is killed. */
const STOP_WAIT_SECONDS = 60;

export function pgbouncerComponent(input: HostInput): Component {
  const { host, layout, spec } = input;
  const pooler = spec.pooler!;
  const folder = `${layout.current}/pgbouncer`;
  const version = layout.versions?.pgbouncer ?? DEFAULT_VERSION;
  const primary = hostNamed(spec, spec.primary);
  const replicas = members(spec).filter((member) => member.name !== primary.name);
  const readers = replicas.length > 0 ? replicas : [primary];
  const limits = fleetPoolLimits(input);

  const entry = (alias: string, hosts: string, database: string): string =>
    `${pgbouncerName(alias)} = host=${hosts} port=${PORTS.postgresql} dbname=${pgbouncerConnectValue(database, "the database")}`;
  const ini = renderFile(
    input,
    "pgbouncer",
    "pgbouncer.ini",
    { change: "reload" },
    {
      adminUsers: POOLER_ADMIN,
      statsUsers: STATS_USER,
      authFile: `${folder}/userlist.txt`,
      override: `${layout.rollout}/pgbouncer.ini`,
      address: host.address,
      port: pooler.port,
      run: layout.run,
      poolMode: pooler.poolMode,
      maxClientConnections: pooler.maxClientConnections,
      poolSize: pooler.poolSize,
      reservePoolSize: pooler.reservePoolSize,
      maxDbConnections: limits.maxDbConnections,
      maxDbConnectionsDetail: limits.detail,
      hasParameters: Object.keys(pooler.parameters).length > 0,
      parameters: Object.entries(pooler.parameters).map(([name, value]) => ({ name, value })),
      preparedStatements: atLeast(version, "1.21"),
      version,
      databases: spec.databases.map(({ name }) => ({
        readWrite: entry(name, primary.address, name),
        readOnly: entry(readOnlyAlias(name), readers.map((reader) => reader.address).join(","), name),
      })),
      readers: readers.map((reader) => reader.name).join(", "),
      primary: primary.name,
    },
  );
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
  // Online restart (-R) was removed in 1.26; with no process to take over from it is an ordinary start.
  const takeover = !atLeast(version, "1.26");
  const program = programFile(input, "pgbouncer", {
    command: [layout.programs.pgbouncer, ...(takeover ? ["-R"] : []), `${folder}/pgbouncer.ini`],
    // SIGINT lets open transactions end.
    stopSignal: "INT",
    stopWaitSeconds: STOP_WAIT_SECONDS,
    priority: 200,
    view: { takeover },
  });
  return component("pgbouncer", [ini, userlist, program]);
}

function user(name: string, secret: string): { name: string; secret: string } {
  return { name: userlistWord(name), secret: `"${secretPlaceholder(secret)}"` };
}
