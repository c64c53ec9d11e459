/** Where a host's files are on platform `local`: one folder per host, side by side. */

import type { HostSpec, Major } from "../config/spec.ts";
import type { HostLayout } from "../rendering/types.ts";

export interface LocalLayoutOptions {
  /** PostgreSQL major; picks Debian's /usr/lib/postgresql/<version>/bin. */
  version: Major;
  /** OS user that servers run as: "postgres" when the project runs as root, else who runs it. */
  user: string;
  /** OS user that supervisord runs as. Default: `user`, unless that is "postgres": then "root". */
  supervisorUser?: string;
  /** Folder for sockets and pid files, made into `<runRoot>/<host>`. Default: `<stateRoot>/<host>/run`. */
  runRoot?: string;
  /** Programs that are elsewhere than Debian puts them. */
  programs?: Partial<HostLayout["programs"]>;
  pgbouncerExporterKind?: "python" | "go";
  versions?: { pgbouncer?: string; postgresExporter?: string };
}

/**
 * @param stateRoot Absolute folder of the stack's state, e.g. "/var/lib/pgfleet/local".
 * @throws nothing: renderFleet checks layouts (socket paths that are too long, odd characters) for all hosts at once.
 */
export function localLayout(stateRoot: string, host: HostSpec, options: LocalLayoutOptions): HostLayout {
  const home = `${stateRoot.replace(/\/+$/, "")}/${host.name}`;
  return {
    home,
    gen: `${home}/gen`,
    current: `${home}/current`,
    data: `${home}/data/${host.name}`,
    run: options.runRoot ? `${options.runRoot.replace(/\/+$/, "")}/${host.name}` : `${home}/run`,
    log: `${home}/log`,
    // Host names have no underscore, so no member's data is ever here.
    prometheusData: `${home}/data/_prometheus`,
    rollout: `${home}/rollout`,
    user: options.user,
    supervisorUser: options.supervisorUser ?? (options.user === "postgres" ? "root" : options.user),
    pgbouncerExporterKind: options.pgbouncerExporterKind ?? "python",
    ...(options.versions ? { versions: options.versions } : {}),
    programs: {
      postgresBin: `/usr/lib/postgresql/${options.version}/bin`,
      pgbouncer: "/usr/sbin/pgbouncer",
      postgresExporter: "/usr/bin/prometheus-postgres-exporter",
      pgbouncerExporter: "/usr/bin/prometheus-pgbouncer-exporter",
      prometheus: "/usr/bin/prometheus",
      promtool: "/usr/bin/promtool",
      supervisord: "/usr/bin/supervisord",
      ...options.programs,
    },
  };
}
