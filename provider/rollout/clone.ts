/** A member's data, copied from another member: made aside, and renamed when it is whole. */

import * as path from "node:path";
import { REPLICATION_ROLE } from "../../infra/rendering/names.ts";
import { conninfo } from "../../infra/rendering/quoting.ts";
import { replicationTls } from "../../infra/rendering/tls-files.ts";
import type { RolloutInputs, RolloutMember } from "../../infra/resources.ts";
import { activate, hostAt } from "../host.ts";
import { dataOwnerFile } from "../ownership.ts";
import { partDirectory, requirePrograms } from "../postgres/data-directory.ts";
import { SERVICE, startServer } from "../postgres/server.ts";
import { execute, literal, select } from "../postgres/sql.ts";
import { CURRENT_LSN, makeStandby } from "../postgres/standby.ts";
import { endingTogether } from "../transports/detached.ts";
import type { Context } from "../types.ts";
import { waitFor } from "../wait.ts";
import { cloneFailure, progressMeter } from "./clone-progress.ts";
import { refuseUnlike } from "./likeness.ts";
import { RECLONE_MARKER } from "./marker.ts";
import { checkStaged, targetOf } from "./member-steps.ts";
import { reserveSlot } from "./slots.ts";

const CLONE_LIMIT_MS = 7 * 24 * 3600_000;
/** A copy of a busy server replays what was written meanwhile before it answers. */
const FIRST_START_LIMIT_MS = 24 * 3600_000;
const REPLAY_LIMIT_MS = 600_000;

export interface CloneOptions {
  /** kB/s, as pg_basebackup takes it; 0 or absent: not limited. */
  maxRateKb?: number;
  /** The server that it will stream from, which keeps WAL for it meanwhile; absent: `from`, or it was seen to elsewhere. */
  upstream?: RolloutMember;
  /** What the connection to `from` says of TLS; absent: nothing. */
  tls?: RolloutInputs["tls"];
}

/**
 * Copies `from`, primary or replica, into the member's data directory and starts it as a standby. WAL is kept in the
 * member's slot on its upstream from before the copy begins. Safe to repeat: a half copy is made anew.
 *
 * @throws Error that names what was in the way (disk, connections, pg_hba.conf, password, a source that stopped) and
 *   what to do; the half copy is gone then
 */
export async function clone(
  from: RolloutMember,
  member: RolloutMember,
  context: Context,
  options: CloneOptions = {},
): Promise<void> {
  const host = hostAt(member.connection);
  await requirePrograms(host, member.binDirectory, 0);
  await checkOwned(member);
  await refuseUnlike(from, member, context.signal);
  const part = partDirectory(member.dataDirectory);
  const streamsFromSource = member.upstream === "" || member.upstream === from.name;
  const upstream = streamsFromSource ? from : options.upstream;
  if (upstream) {
    await reserveSlot(upstream, member.slot, context);
    await freeSlot(upstream, member.slot, context);
  }
  if (upstream && upstream !== from) await hasReachedSlot(from, upstream, member.slot, context);
  await host.transport.remove(part);
  // From another server than its upstream: pg_basebackup takes a temporary slot for the time of the copy.
  await baseBackup(from, member, part, streamsFromSource ? ["-S", member.slot] : [], options, context);
  await makeOwn(member, part);
  await host.transport.rename(part, member.dataDirectory);
  await checkStaged(member, member.generation, context);
  await activate(host, SERVICE, member.generation);
  await startServer(targetOf(member), context, FIRST_START_LIMIT_MS);
}

async function baseBackup(
  from: RolloutMember,
  member: RolloutMember,
  part: string,
  slot: string[],
  { maxRateKb = 0, tls }: CloneOptions,
  context: Context,
): Promise<void> {
  const { transport, connection, paths } = hostAt(member.connection);
  const generation = paths.generation(SERVICE, member.generation);
  const source = conninfo({
    host: from.connection.address,
    port: from.port,
    user: REPLICATION_ROLE,
    application_name: member.name,
    connect_timeout: 10,
    // A network that stops in the middle is noticed within a minute.
    keepalives_idle: 10,
    keepalives_interval: 10,
    keepalives_count: 3,
    tcp_user_timeout: 60_000,
    ...replicationTls(tls && { required: tls === "required" }, generation),
  });
  const argv = [path.join(member.binDirectory, "pg_basebackup"), "-D", part, "-d", source, "--no-password"];
  argv.push("-X", "stream", ...slot, "--checkpoint=fast", "--progress");
  if (maxRateKb > 0) argv.push(`--max-rate=${maxRateKb}k`);
  const meter = progressMeter();
  const what = `cloning ${member.name} from ${from.name}`;
  context.status(`${what}: waiting for its checkpoint`);
  const result = await transport.exec(endingTogether(argv), {
    user: connection.user,
    env: { PGPASSFILE: path.join(generation, "replication.passfile") },
    signal: context.signal,
    timeoutMs: CLONE_LIMIT_MS,
    onStderrLine: (line) => {
      const progress = meter(line);
      if (progress) context.status(`${what}: ${progress}`);
    },
  });
  if (result.code === 0) return;
  // A half copy would keep a full disk full.
  await transport.remove(part);
  throw new Error(
    cloneFailure(result.stderr, { member: member.name, from: from.name, directory: member.dataDirectory }),
  );
}

/** What makes a copy this member's own; nothing that its source kept about itself stays. */
async function makeOwn(member: RolloutMember, part: string): Promise<void> {
  const host = hostAt(member.connection);
  const { transport, connection } = host;
  const mine = { mode: "0600", user: connection.user };
  for (const name of (await transport.list(part)) ?? [])
    if (name.startsWith("pgfleet.")) await transport.remove(path.join(part, name));
  await makeStandby(host, part);
  // ALTER SYSTEM values of the source are not the clone's.
  await transport.writeFile(path.join(part, "postgresql.auto.conf"), "", mine);
  await transport.writeFile(path.join(part, RECLONE_MARKER), member.reclone, mine);
}

/** Ends whoever streams from the slot: pg_basebackup's receiver goes on when a run is killed, and keeps the slot. */
async function freeSlot(server: RolloutMember, slot: string, context: Context): Promise<void> {
  const target = targetOf(server);
  const user = `FROM pg_replication_slots WHERE slot_name = ${literal(slot)} AND active`;
  await waitFor(context, { what: `slot ${slot} on ${server.name} is free`, limitMs: 30_000 }, async () => {
    await execute(target, `SELECT pg_terminate_backend(active_pid) ${user};`, context.signal);
    return (await select(target, `SELECT 1 AS one ${user}`, context.signal)).length === 0;
  });
}

/** A copy of a replica ends where the replica is; from there on the upstream's slot must have the WAL. */
async function hasReachedSlot(
  from: RolloutMember,
  upstream: RolloutMember,
  slot: string,
  context: Context,
): Promise<void> {
  const [row] = await select<{ lsn: string | null }>(
    targetOf(upstream),
    `SELECT restart_lsn::text AS lsn FROM pg_replication_slots WHERE slot_name = ${literal(slot)}`,
    context.signal,
  );
  if (!row?.lsn) return;
  const { lsn } = row;
  await waitFor(context, { what: `${from.name} has replayed ${lsn}`, limitMs: REPLAY_LIMIT_MS }, async () => {
    const [now] = await select<{ done: boolean }>(
      targetOf(from),
      `SELECT ${CURRENT_LSN} >= ${literal(lsn)}::pg_lsn AS done`,
      context.signal,
    );
    return now?.done;
  });
}

async function checkOwned(member: RolloutMember): Promise<void> {
  const { transport } = hostAt(member.connection);
  if (await transport.exists(path.join(member.dataDirectory, "PG_VERSION")))
    throw new Error(`${member.name} has data at ${member.dataDirectory}: it is not cloned over`);
  if (!(await transport.exists(dataOwnerFile(member.dataDirectory))))
    throw new Error(`${member.dataDirectory} on ${member.name} is not claimed by this stack`);
}
