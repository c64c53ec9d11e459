/** postgres_exporter beside each server, pgbouncer_exporter beside each PgBouncer. Both go through the unix socket. */

import { component, type HostInput, renderFile } from "./host-input.ts";
import { EXPORTER_ROLE, STATS_USER } from "./names.ts";
import { pgbouncerProcesses, socketFolder } from "./pgbouncer-processes.ts";
import { PORTS } from "./ports.ts";
import { conninfo } from "./quoting.ts";
import { type Program, programFile } from "./supervisor.ts";
import { type Component, secretPlaceholder } from "./types.ts";

const STOP = { stopSignal: "TERM", stopWaitSeconds: 10, priority: 300 } as const satisfies Partial<Program>;

export function postgresExporterComponent(input: HostInput): Component {
  const { host, layout } = input;
  const program = programFile(input, "postgres_exporter", {
    command: [layout.programs.postgresExporter, `--web.listen-address=${host.address}:${PORTS.postgresExporter}`],
    // No password in it: the socket and the OS user say who this is.
    environment: {
      DATA_SOURCE_NAME: conninfo({
        host: layout.run,
        port: PORTS.postgresql,
        user: EXPORTER_ROLE,
        dbname: "postgres",
        sslmode: "disable",
      }),
    },
    ...STOP,
  });
  return component("postgres_exporter", [program]);
}

export function pgbouncerExporterComponent(input: HostInput): Component {
  const { layout } = input;
  const script =
    layout.pgbouncerExporterKind === "go"
      ? []
      : [renderFile(input, "pgbouncer_exporter", "exporter.py", { change: "restart" }, {})];
  const passfile = renderFile(
    input,
    "pgbouncer_exporter",
    "stats.passfile",
    { mode: "0600", change: "restart" },
    {
      user: STATS_USER,
      password: secretPlaceholder(`${STATS_USER}.password`, "passfile"),
    },
  );
  const program = programFile(input, "pgbouncer_exporter", {
    command: pgbouncerExporterCommand(input),
    // Both kinds speak to PgBouncer through a library that reads a passfile.
    environment: { PGPASSFILE: `${layout.current}/pgbouncer_exporter/stats.passfile` },
    ...STOP,
  });
  return component("pgbouncer_exporter", [...script, passfile, program]);
}

function pgbouncerExporterCommand({ host, layout, spec }: HostInput): string[] {
  const { port } = spec.pooler!;
  const listen = `${host.address}:${PORTS.pgbouncerExporter}`;
  if (layout.pgbouncerExporterKind === "go") {
    const connection = `postgres://${STATS_USER}@/pgbouncer?host=${encodeURIComponent(layout.run)}&port=${port}&sslmode=disable`;
    return [
      layout.programs.pgbouncerExporter,
      `--pgBouncer.connectionString=${connection}`,
      `--web.listen-address=${listen}`,
    ];
  }
  const script = `${layout.current}/pgbouncer_exporter/exporter.py`;
  // Isolated: no other module is found first.
  const python = [layout.programs.python ?? "/usr/bin/python3", "-I", script];
  const sockets = pgbouncerProcesses(spec.pooler!.processes ?? 1).map(
    (one) => `--socket=${socketFolder(layout.run, one)}`,
  );
  return [...python, `--listen=${listen}`, ...sockets, `--port=${port}`, `--user=${STATS_USER}`];
}
