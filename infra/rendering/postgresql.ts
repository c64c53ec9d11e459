/** A member's component: the server's files. */

import { renderedParameters } from "../config/owned-parameters.ts";
import { hostNamed, members, upstreamOf } from "../config/spec.ts";
import type { Tuning } from "../tuning/types.ts";
import { confLines, type Line, tunedLines } from "./conf-lines.ts";
import { hbaGroups, identLines } from "./hba.ts";
import { component, type HostInput, renderFile } from "./host-input.ts";
import { clusterName, REPLICATION_ROLE, slotName } from "./names.ts";
import { PORTS } from "./ports.ts";
import { conninfo, postgresValue, standbyNames } from "./quoting.ts";
import { programFile } from "./supervisor.ts";
import { unitParts } from "./systemd.ts";
import { postgresqlTls, tlsFiles } from "./tls.ts";
import { replicationTls } from "./tls-files.ts";
import { type Component, secretPlaceholder } from "./types.ts";

/** Seconds a fast shutdown may take (its checkpoint) before supervisord kills the server: better late than torn. */
const STOP_WAIT_SECONDS = 3600;

export function postgresqlComponent(input: HostInput): { component: Component; settings: Record<string, string> } {
  const { host, layout, spec } = input;
  const tuning = input.tunings.get(host.name)!;
  const folder = `${layout.current}/postgresql`;
  const upstream = upstreamOf(spec, host);

  const tuned = tunedLines(tuning);
  const connection: Line[] = [
    ["listen_addresses", host.address, "address of this host"],
    ["port", String(PORTS.postgresql), "the same on every member"],
    ["unix_socket_directories", layout.run, "sockets of this host alone"],
    ["hba_file", `${folder}/pg_hba.conf`, "follows the link to the generation in force"],
    ["ident_file", `${folder}/pg_ident.conf`, "follows the link to the generation in force"],
    ["log_destination", "stderr", "the service manager keeps and rotates it"],
    ["logging_collector", "off", "the service manager keeps and rotates it"],
  ];
  const topology: Line[] = [["cluster_name", clusterName(spec.cluster.name, host.name), "shown in process titles"]];
  if (spec.cluster.synchronous === "quorum") {
    const others = members(spec).filter((member) => member.name !== host.name);
    topology.push([
      "synchronous_standby_names",
      standbyNames(others.map((member) => member.name)),
      "a commit waits for one of them; acts on the primary only",
    ]);
  }
  if (upstream) {
    const primaryConninfo = conninfo({
      host: hostNamed(spec, upstream).address,
      port: PORTS.postgresql,
      user: REPLICATION_ROLE,
      passfile: `${folder}/replication.passfile`,
      application_name: host.name,
      connect_timeout: 10,
      ...replicationTls(spec.tls, folder),
    });
    topology.push(
      ["primary_conninfo", primaryConninfo, `streams from ${upstream}`],
      ["primary_slot_name", slotName(host.name), "kept by the rollout"],
    );
  }
  const tls = postgresqlTls(spec, folder);
  const file = (path: string, change: "reload" | "restart", view: Parameters<typeof renderFile>[4], mode?: string) =>
    renderFile(input, "postgresql", path, mode ? { mode, change } : { change }, view);
  const files = [
    file("postgresql.conf", "reload", {
      override: postgresValue(`${layout.rollout}/postgresql.conf`),
      tls: tls.length > 0,
    }),
    file("00-connection.conf", "restart", { lines: confLines(connection) }),
    file("10-restart.conf", "restart", {
      lines: tuned.restart,
      budget: tuned.budget,
      warnings: tuned.warnings,
    }),
    file("20-reload.conf", "reload", { lines: tuned.reload }),
    ...(tls.length > 0 ? [file("30-tls.conf", "reload", { lines: confLines(tls) })] : []),
    file("80-topology.conf", "reload", {
      lines: confLines(topology),
      primary: upstream ? spec.primary : null,
      upstream: upstream && upstream !== spec.primary ? upstream : null,
    }),
    file("90-override.conf", tuned.overrideChange, { lines: tuned.override }),
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
    ...tlsFiles(input, "postgresql"),
    ...unitParts(input),
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
  const own = (lines: Line[]): Record<string, string> =>
    Object.fromEntries(lines.map(([name, value]) => [name, value]));
  return {
    component: component("postgresql", files),
    settings: { ...own(connection), ...tuned.settings, ...own(tls), ...own(topology), ...tuned.overrides },
  };
}

/**
 * What is wrong with a member's tuning as far as files are concerned; one line each.
 *
 * @param quorum synchronous_standby_names is the project's own
 */
export function tuningProblems(host: string, tuning: Tuning, quorum = false): string[] {
  const problems: string[] = [];
  for (const [name, setting] of tuning.settings) {
    const where = `host "${host}": parameter ${name} (${setting.source})`;
    if (renderedParameters.has(name) || (quorum && name === "synchronous_standby_names"))
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
