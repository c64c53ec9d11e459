/** A member's server, as it answers now. */

import { upstreamOf } from "../../infra/config/spec.ts";
import { slotName } from "../../infra/rendering/names.ts";
import { PORTS } from "../../infra/rendering/ports.ts";
import type { RolloutMember } from "../../infra/resources.ts";
import { hostAt } from "../../provider/host.ts";
import { readControlData } from "../../provider/postgres/data-directory.ts";
import { select } from "../../provider/postgres/sql.ts";
import { endOfWal } from "../../provider/postgres/wal.ts";
import { type LiveMember, observeMember } from "../../provider/rollout/observe.ts";
import type { Context } from "../../provider/types.ts";
import { firstLine, type Probe, quietContext, serviceState } from "./probe.ts";
import type { ServerStatus } from "./types.ts";

/** What one server says about replication; the fleet's picture is put together from all of them (replication.ts). */
export interface ReplicationFacts {
  /** This server as a sender. application_name is the member's name. */
  senders: { name: string; state: string; slot: string | null; lagBytes: number | null; lagSeconds: number | null }[];
  /** This server as a receiver. */
  receiver: { status: string; host: string | null; slot: string | null } | null;
  /** Seconds since the last replayed commit, 0 when all that was received is replayed. */
  replaySeconds: number | null;
  /** A standby's: end of the WAL it has. */
  receivedLsn: string | null;
  /** A standby's: age of the last commit it replayed. */
  lastCommitSeconds: number | null;
}

export interface ServerFacts {
  status: ServerStatus;
  replication?: ReplicationFacts;
  /** Declared primary that does not run: where its WAL ends, as far as its disk says. */
  walEnd?: string;
}

const REPLICATION = `
  SELECT coalesce((SELECT json_agg(json_build_object('name', r.application_name, 'state', r.state, 'slot', s.slot_name,
             'lagBytes', CASE WHEN NOT pg_is_in_recovery() THEN greatest(0, pg_wal_lsn_diff(pg_current_wal_lsn(), r.replay_lsn)) END,
             'lagSeconds', extract(epoch FROM r.replay_lag)))
           FROM pg_stat_replication r LEFT JOIN pg_replication_slots s ON s.active_pid = r.pid), '[]') AS senders,
         (SELECT json_build_object('status', status, 'host', sender_host, 'slot', slot_name) FROM pg_stat_wal_receiver LIMIT 1) AS receiver,
         CASE WHEN pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() THEN 0
              ELSE extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp()) END::float8 AS "replaySeconds",
         CASE WHEN pg_is_in_recovery() THEN greatest(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn())::text END AS "receivedLsn",
         CASE WHEN pg_is_in_recovery() THEN extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp())::float8 END AS "lastCommitSeconds"`;

export async function probeServer(probe: Probe): Promise<ServerFacts> {
  const { declared, host, layout, signal, problems, spec } = probe;
  const target = { host, port: PORTS.postgresql, binDirectory: layout.programs.postgresBin };
  const context = quietContext(signal);
  const member = {
    name: declared.name,
    connection: host.connection,
    dataDirectory: layout.data,
    binDirectory: layout.programs.postgresBin,
    port: PORTS.postgresql,
    generation: "",
    slot: slotName(declared.name),
    upstream: upstreamOf(spec, declared),
    reclone: declared.reclone ?? "",
    settings: {},
    repairs: 0,
  };
  const [live, replication] = await Promise.all([
    observeMember(member, context).catch((error: unknown) => firstLine(error)),
    select<ReplicationFacts>(target, REPLICATION, signal)
      .then(([row]) => row)
      .catch(() => undefined),
  ]);
  const declaredRole = declared.name === spec.primary ? "primary" : "replica";
  const none: ServerStatus = {
    state: "stopped",
    port: PORTS.postgresql,
    declaredRole,
    liveRole: null,
    generation: "",
    pendingRestart: [],
    alteredSystem: [],
    fileErrors: [],
    slots: [],
    replicas: [],
  };
  if (typeof live === "string" || !live.running) {
    const { state, problem } = await serviceState(probe, "postgresql");
    // Its process runs, but it did not answer.
    const silent = typeof live === "string" || state !== "stopped";
    problems.add(
      silent
        ? `PostgreSQL does not answer: ${reason(live, context.said)}`
        : `PostgreSQL does not run${because(live, problem)}`,
    );
    const walEnd = declaredRole === "primary" && !silent ? await endOnDisk(member, context) : undefined;
    return {
      status: {
        ...none,
        state: silent ? "no answer" : "stopped",
        generation: typeof live === "string" ? "" : live.generation,
      },
      ...(walEnd ? { walEnd } : {}),
    };
  }
  const liveRole = live.role === "none" ? null : live.role;
  if (liveRole !== declaredRole) problems.add(`is ${liveRole}, declared ${declaredRole}`);
  if (live.pendingRestart.length > 0) problems.add(`waits for a restart: ${live.pendingRestart.join(", ")}`);
  if (live.filesNewerThanLoad) problems.add("files in force are newer than what PostgreSQL has loaded");
  for (const name of live.alteredSystem)
    problems.add(`ALTER SYSTEM has set ${name}; to undo: ALTER SYSTEM RESET ${name}`);
  for (const error of live.errors) problems.add(error);
  for (const name of Object.keys(live.held))
    problems.add(`an unfinished change holds ${name} at ${live.held[name]}; the next \`pulumi up\` completes it`);
  const { generation, pendingRestart, alteredSystem, slots } = live;
  const status: ServerStatus = {
    ...none,
    state: "running",
    liveRole,
    generation,
    pendingRestart,
    alteredSystem,
    fileErrors: live.errors,
    slots,
  };
  return { status, ...(replication ? { replication } : {}) };
}

/** Of a primary that does not run: its last record, when its disk can be read. */
async function endOnDisk(member: RolloutMember, context: Context): Promise<string | undefined> {
  try {
    const { connection, dataDirectory, binDirectory } = member;
    const control = await readControlData(hostAt(connection), dataDirectory, binDirectory, context.signal);
    return control && (await endOfWal(member, control, context));
  } catch {
    return undefined;
  }
}

function reason(live: LiveMember | string, said: string[]): string {
  if (typeof live === "string") return live;
  return said.at(-1) ?? "no reason is known";
}

function because(live: LiveMember | string, problem: string): string {
  if (typeof live !== "string" && !live.hasData) return ": it has no data directory yet; `pulumi up` makes it";
  return problem ? `: ${problem}` : "";
}
