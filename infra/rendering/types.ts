/**
 * A HostPlan is every file that `up` would install on one host, as text.
 *
 * Files are grouped in components. A component is staged as a whole under the hash of its content
 * (`gen/<component>/<hash>/…`) and becomes active when the link `current/<component>` points at it.
 * Bodies hold no secrets: `@@secret:NAME@@` or `@@secret:NAME|KIND@@` stands where the provider puts one on the host,
 * escaped as files of that kind need it.
 */

export type ComponentName =
  | "supervisor"
  | "postgresql"
  | "pgbouncer"
  | "postgres_exporter"
  | "pgbouncer_exporter"
  | "prometheus"
  /** No service: files for people on this host. */
  | "client"
  /** No service: settings of the operating system, with paths from the host's root. */
  | "os";

export interface PlannedFile {
  /** Relative to the component, e.g. "pg_hba.conf". */
  path: string;
  body: string;
  /** Octal, e.g. "0640". */
  mode: string;
  /** What a change of this file needs. postgresql parameters are finer: see `settings`. */
  change: "reload" | "restart";
}

export interface Component {
  name: ComponentName;
  files: PlannedFile[];
  /** Names used in `@@secret:NAME@@` placeholders, sorted. */
  secrets: string[];
}

export interface HostPlan {
  host: string;
  components: Component[];
  /** Members: every parameter in the rendered files, name → value in force (the last file wins), unquoted. Else {}. */
  settings: Record<string, string>;
}

/** Where things are on a host; absolute paths. Made by the platform. */
export interface HostLayout {
  /** The host's own folder. */
  home: string;
  /** gen/<component>/<hash> */
  gen: string;
  /** current/<component> → gen/<component>/<hash> */
  current: string;
  /** Data directory of the member; its last part is the member's name. */
  data: string;
  /** Unix sockets and pid files; short. */
  run: string;
  log: string;
  /** Prometheus' own data. */
  prometheusData: string;
  /** Files that only Rollout writes, e.g. raised hot-standby values during a mixed change. */
  rollout: string;
  /** OS user that servers run as. */
  user: string;
  /** OS user that supervisord runs as. Default "root"; equal to `user` when nothing runs as root. */
  supervisorUser?: string;
  /** What runs the services. Default "supervisor", one per host, whose files are a component. */
  serviceManager?: "supervisor" | "systemd";
  /**
   * Which pgbouncer_exporter the host's package is: Debian 12 and Ubuntu 24.04 have a Python one (1.7, which fails with
   * PgBouncer 1.8 and later; the project's own script stands in for it), Debian 13 the Go one. Default "python".
   */
  pgbouncerExporterKind?: "python" | "go";
  /** Versions of the programs on the host, e.g. "1.18.0"; keys and flags newer than these are left out. Default: Debian 12's. */
  versions?: { pgbouncer?: string; postgresExporter?: string };
  /** Absolute paths of programs on the host. */
  programs: {
    postgresBin: string;
    pgbouncer: string;
    postgresExporter: string;
    pgbouncerExporter: string;
    prometheus: string;
    promtool: string;
    supervisord: string;
    /** A Python that has psycopg2. Default "/usr/bin/python3", Debian's. */
    python?: string;
  };
}

/** Files that need a secret escaped: see generation.ts. */
export type SecretKind = "passfile" | "userlist" | "conninfo" | "uri";

/** @param kind how the value is escaped; default: not at all */
export const secretPlaceholder = (name: string, kind?: SecretKind): string =>
  `@@secret:${name}${kind === undefined ? "" : `|${kind}`}@@`;
