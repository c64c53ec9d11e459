/** `status` as a table for a person. Pure. */

import type colours from "picocolors";
import { bytes, textTable } from "../text-table.ts";
import type { FleetStatus, HostStatus, PoolerStatus, ReplicationStatus, ServerStatus, State } from "./types.ts";

/** picocolors, on or off. */
export type Colors = ReturnType<typeof colours.createColors>;

/** Table, problems, and the line to paste. */
export function statusText(status: FleetStatus, colors: Colors): string {
  const head = ["HOST", "ROLE", "ADDRESS", "STATE", "LAG", ""].map((title) => ({ title: colors.bold(title) }));
  const rows = status.hosts.flatMap((host) => hostRows(host, colors));
  const parts = [textTable(head, rows)];
  if (status.problems.length > 0) {
    parts.push(status.problems.map((p) => `${colors.red("✗")} ${p.host ?? status.cluster}: ${p.text}`).join("\n"));
  }
  if (status.psql && status.hosts.some((host) => host.pooler?.state === "running"))
    parts.push(`Connect through PgBouncer:\n  ${status.psql}`);
  return parts.join("\n\n");
}

function hostRows(host: HostStatus, colors: Colors): string[][] {
  const row = (role: string, port: number, state: State, lag: string, notes: string[]): string[] => [
    host.name,
    role,
    `${host.address}:${port}`,
    shade(state, colors),
    lag,
    notes.filter((note) => note !== "").join("; "),
  ];
  const rows: string[][] = [];
  const { server, pooler, prometheus } = host;
  const exporter = (name: string): string => {
    const found = host.exporters.find((e) => e.name === name);
    return found ? (found.state === "running" ? "exporter up" : `exporter ${found.state}`) : "";
  };
  const certificate = (component: string): string => {
    const found = host.certificates?.find((one) => one.component === component);
    return found ? `certificate ${counted(found.daysLeft, "day")}` : "";
  };
  if (server)
    rows.push(
      row(role(server), server.port, server.state, lag(server.replication), [
        ...serverNotes(server),
        certificate("postgresql"),
        exporter("postgres_exporter"),
      ]),
    );
  if (pooler) {
    const sum = (key: "clientsActive" | "clientsWaiting"): number =>
      pooler.pools.reduce((total, pool) => total + pool[key], 0);
    const pools =
      pooler.state === "running"
        ? `${counted(pooler.pools.length, "pool")}, ${counted(sum("clientsActive"), "client")}, ${sum("clientsWaiting")} waiting`
        : "";
    rows.push(
      row(rows.length === 0 ? "pooler" : "+ pooler", pooler.port, pooler.state, "", [
        processNote(pooler),
        pools,
        certificate("pgbouncer"),
        exporter("pgbouncer_exporter"),
      ]),
    );
  }
  if (prometheus) {
    const targets =
      prometheus.state === "running" ? `${prometheus.targetsUp} of ${prometheus.targetsDeclared} targets up` : "";
    rows.push(row(rows.length === 0 ? "monitoring" : "+ monitoring", prometheus.port, prometheus.state, "", [targets]));
  }
  if (rows.length === 0) rows.push([host.name, host.role, host.address, shade(host.state, colors)]);
  return rows;
}

const role = ({ declaredRole, liveRole }: ServerStatus): string =>
  liveRole === null || liveRole === declaredRole ? declaredRole : `${declaredRole} → ${liveRole}`;

function lag(replication: ReplicationStatus | undefined): string {
  if (!replication || replication.lagBytes === null) return "";
  const seconds = replication.lagSeconds === null ? "" : `, ${Number(replication.lagSeconds.toFixed(1))} s`;
  return bytes(replication.lagBytes) + seconds;
}

function serverNotes({ replication, replicas, liveRole, pendingRestart }: ServerStatus): string[] {
  const follows = replication
    ? replication.streaming
      ? `streaming from ${replication.from ?? "?"}, slot ${replication.slot ?? "none"}`
      : "not streaming"
    : "";
  const feeds = liveRole === "primary" ? `${counted(replicas.length, "replica")} streaming` : "";
  return [follows, feeds, pendingRestart.length > 0 ? `restart pending (${pendingRestart.length})` : ""];
}

function processNote({ processes }: PoolerStatus): string {
  if (!processes) return "";
  return `${processes.filter(({ state }) => state === "running").length} of ${processes.length} processes`;
}

const counted = (count: number, thing: string): string => `${count} ${thing}${count === 1 ? "" : "s"}`;
const shade = (state: State, colors: Colors): string => (state === "running" ? colors.green(state) : colors.red(state));
