/** A member's component: the server's files. */

import { hostNamed } from "../config/spec.ts";
import type { ChangeClass, Setting, Tuning } from "../tuning/types.ts";
import { hbaGroups, identLines } from "./hba.ts";
import { component, type HostInput, renderFile } from "./host-input.ts";
import { clusterName, REPLICATION_ROLE, slotName } from "./names.ts";
import { PORTS } from "./ports.ts";
import { commentText, conninfo, postgresValue } from "./quoting.ts";
import { programFile } from "./supervisor.ts";
import { type Component, secretPlaceholder } from "./types.ts";

/**
 * Parameters that rendering decides from the host's layout and place in the fleet. Tuning and overrides must leave
 * them alone: some can only change with a restart and would cut the server off from the project.
 */
export const OWNED_PARAMETERS: ReadonlySet<string> = new Set([
  "listen_addresses",
  "port",
  "unix_socket_directories",
  "hba_file",
  "ident_file",
  "config_file",
  "data_directory",
  "external_pid_file",
  "log_destination",
  "logging_collector",
  "cluster_name",
  "primary_conninfo",
  "primary_slot_name",
]);

/** Seconds a fast shutdown may take (its checkpoint) before supervisord kills the server: better late than torn. */
const STOP_WAIT_SECONDS = 3600;

type Line = [name: string, value: string, reason: string];

export function postgresqlComponent(input: HostInput): { component: Component; settings: Record<string, string> } {
  const { host, layout, spec } = input;
  const tuning = input.tunings.get(host.name)!;
  const folder = `${layout.current}/postgresql`;
  const primary = hostNamed(spec, spec.primary);
  const isPrimary = primary.name === host.name;

  const settings = [...tuning.settings];
  const tuned = (...classes: ChangeClass[]): Line[] =>
    settings
      .filter(([, s]) => s.source !== "override" && classes.includes(s.class))
      .map(([name, s]) => [name, s.value, s.reason]);
  const overrides = settings.filter(([, s]) => s.source === "override");

  const connection: Line[] = [
    ["listen_addresses", host.address, "address of this host"],
    ["port", String(PORTS.postgresql), "the same on every member"],
    ["unix_socket_directories", layout.run, "sockets of this host alone"],
    ["hba_file", `${folder}/pg_hba.conf`, "follows the link to the generation in force"],
    ["ident_file", `${folder}/pg_ident.conf`, "follows the link to the generation in force"],
    ["log_destination", "stderr", "supervisor keeps and rotates it"],
    ["logging_collector", "off", "supervisor keeps and rotates it"],
  ];
  const topology: Line[] = [["cluster_name", clusterName(spec.cluster.name, host.name), "shown in process titles"]];
  if (!isPrimary) {
    const primaryConninfo = conninfo({
      host: primary.address,
      port: PORTS.postgresql,
      user: REPLICATION_ROLE,
      passfile: `${folder}/replication.passfile`,
      application_name: host.name,
      connect_timeout: 10,
    });
    topology.push(
      ["primary_conninfo", primaryConninfo, `streams from ${primary.name}`],
      ["primary_slot_name", slotName(host.name), "kept by the rollout"],
    );
  }
  const restart = tuned("restart", "ordered-restart");
  const reload = tuned("reload", "new-sessions");
  const overrideLines = overrides.map(([name, s]): Line => [name, s.value, describeOverride(s)]);

  const file = (path: string, change: "reload" | "restart", view: Parameters<typeof renderFile>[4], mode?: string) =>
    renderFile(input, "postgresql", path, mode ? { mode, change } : { change }, view);
  const files = [
    file("postgresql.conf", "reload", {
      override: postgresValue(`${layout.rollout}/postgresql.conf`),
    }),
    file("00-connection.conf", "restart", { lines: confLines(connection) }),
    file("10-restart.conf", "restart", {
      lines: confLines(restart),
      budget: budgetTable(tuning),
      warnings: tuning.warnings.map(commentText),
    }),
    file("20-reload.conf", "reload", { lines: confLines(reload) }),
    file("80-topology.conf", "reload", { lines: confLines(topology), primary: isPrimary ? null : primary.name }),
    file("90-override.conf", overrides.some(([, s]) => needsRestart(s.class)) ? "restart" : "reload", {
      lines: confLines(overrideLines),
    }),
    file("pg_hba.conf", "reload", {
      groups: hbaGroups(spec, host).map((group) => ({ ...group })),
      local: spec.platform === "local",
    }),
    file("pg_ident.conf", "reload", { lines: identLines(layout.user, spec.ident) }),
    file(
      "replication.passfile",
      "reload",
      {
        port: PORTS.postgresql,
        role: REPLICATION_ROLE,
        password: secretPlaceholder(`${REPLICATION_ROLE}.password`, "passfile"),
      },
      "0600",
    ),
    programFile(input, "postgresql", {
      command: [
        `${layout.programs.postgresBin}/postgres`,
        "-D",
        layout.data,
        "-c",
        `config_file=${folder}/postgresql.conf`,
      ],
      // SIGINT is a fast shutdown: sessions are ended, nothing is lost.
      stopSignal: "INT",
      stopWaitSeconds: STOP_WAIT_SECONDS,
      priority: 100,
    }),
  ];
  const all = [...connection, ...restart, ...reload, ...topology, ...overrideLines];
  return {
    component: component("postgresql", files),
    settings: Object.fromEntries(all.map(([name, value]) => [name, value])),
  };
}

/** What is wrong with a member's tuning as far as files are concerned; one line each. */
export function tuningProblems(host: string, tuning: Tuning): string[] {
  const problems: string[] = [];
  for (const [name, setting] of tuning.settings) {
    const where = `host "${host}": parameter ${name} (${setting.source})`;
    if (OWNED_PARAMETERS.has(name))
      problems.push(`${where} is set by the project from the host's address, folders and role; remove it`);
    if (!/^[A-Za-z_][A-Za-z0-9_$]*(\.[A-Za-z_][A-Za-z0-9_$]*)*$/.test(name))
      problems.push(`${where} is not a parameter name`);
    try {
      postgresValue(setting.value, where);
    } catch (error) {
      problems.push((error as Error).message);
    }
  }
  return problems;
}

const needsRestart = (change: ChangeClass): boolean => change === "restart" || change === "ordered-restart";
const describeOverride = (setting: Setting): string => `${setting.reason} [${setting.class}]`;

/** `name = 'value'  # reason`, in columns; very long values do not widen them. */
function confLines(lines: Line[]): string[] {
  const quoted = lines.map(([name, value, reason]) => ({
    name,
    value: postgresValue(value, name),
    reason: commentText(reason),
  }));
  const nameWidth = Math.max(0, ...quoted.map((line) => line.name.length));
  const valueWidth = Math.max(0, ...quoted.map((line) => line.value.length).filter((length) => length <= 32));
  return quoted.map(
    ({ name, value, reason }) =>
      `${name.padEnd(nameWidth)} = ${reason ? `${value.padEnd(valueWidth)}  # ${reason}` : value}`,
  );
}

function budgetTable({ budget }: Tuning): string[] {
  const percent = budget.limitMb > 0 ? Math.round((100 * budget.totalMb) / budget.limitMb) : 0;
  const rows = [
    ...budget.terms.map((term) => [term.name, String(Math.round(term.mb)), term.detail]),
    ["total", String(Math.round(budget.totalMb)), `${percent} % of the limit`],
    ["limit", String(Math.round(budget.limitMb)), "what this server may use"],
  ].map((row) => row.map(commentText));
  const nameWidth = Math.max(...rows.map((row) => row[0]!.length));
  const mbWidth = Math.max(...rows.map((row) => row[1]!.length));
  return rows.map(([name, mb, detail]) =>
    `${name!.padEnd(nameWidth)}  ${mb!.padStart(mbWidth)} MB  ${detail}`.trimEnd(),
  );
}
