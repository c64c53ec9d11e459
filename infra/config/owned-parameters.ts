/**
 * PostgreSQL parameters that stack config sets by other keys, or that are the project's own business.
 *
 * The one list: stack config, `pgfleet tune` and rendering all ask here.
 */

/** A standby must never have one of these smaller than its primary (PostgreSQL docs, Hot Standby, Administrator's Overview), so they belong to the cluster. */
export const hotStandbyParameters = [
  "max_connections",
  "max_worker_processes",
  "max_wal_senders",
  "max_prepared_transactions",
  "max_locks_per_transaction",
] as const;

/** Parameter in lower case → what to do instead. */
type Instead = Readonly<Record<string, string>>;

const role = "which host is primary is set by hosts.<name>.role or the key postgres-fleet:primary";
const recovery = "recovery is the project's business";
const otherFiles = "other files are not read; write the parameters out here";
const tls = "use the key postgres-fleet:tls";
const logs = "servers log to stderr, which their service manager keeps and rotates";

/** In the files that rendering writes, from the host's layout and place in the fleet. */
const rendered: Instead = {
  listen_addresses: "use hosts.<name>.address",
  port: "servers always listen on 5432 of their host's address; change hosts.<name>.address, or pooler.port for what clients connect to",
  unix_socket_directories: "the sockets' place is fixed",
  hba_file: "the project writes pg_hba.conf; use the keys postgres-fleet:allowedNetworks and postgres-fleet:roles",
  ident_file: "the project writes pg_ident.conf",
  config_file: "the project writes it and decides when a new one becomes active",
  data_directory: "use the key postgres-fleet:stateDir on platform local; elsewhere its place is fixed",
  external_pid_file: "the pid file's place is fixed",
  ssl: tls,
  ssl_ca_file: tls,
  ssl_cert_file: tls,
  ssl_key_file: tls,
  log_destination: logs,
  logging_collector: logs,
  cluster_name: "it is made of the key postgres-fleet:cluster and the host's name",
  primary_conninfo: "it follows from which host is primary; use hosts.<name>.role or the key postgres-fleet:primary",
  primary_slot_name: "every replica has a slot of its own, named after its host",
};

/** Nowhere in the files, or not parameters at all. */
const elsewhere: Instead = {
  hosts_file: tls,
  ssl_sni: tls,
  log_directory: logs,
  log_filename: logs,
  promote_trigger_file: role,
  standby_mode: role,
  trigger_file: role,
  restore_command: recovery,
  recovery_end_command: recovery,
  archive_cleanup_command: recovery,
  wal_segment_size: "use initdb.walSegmentSize, before the cluster is created",
  data_checksums: "use initdb.dataChecksums, before the cluster is created",
  server_encoding: "use initdb.encoding, before the cluster is created",
  lc_collate: "use initdb.locale, before the cluster is created",
  lc_ctype: "use initdb.locale, before the cluster is created",
  include: otherFiles,
  include_dir: otherFiles,
  include_if_exists: otherFiles,
};

/** Tuning's own; only a stack has another key for them or depends on them. */
const tuned: Instead = {
  max_connections: "use the key postgres-fleet:connections",
  hot_standby: "replicas always answer queries",
};

/** Parameters that rendering writes by itself: neither tuning nor an override may have them. */
export const renderedParameters: ReadonlySet<string> = new Set(Object.keys(rendered));

function lookUp(lists: readonly Instead[], name: string): string | undefined {
  const lower = name.toLowerCase();
  const list = lists.find((candidate) => Object.hasOwn(candidate, lower));
  if (list) return list[lower];
  return lower.startsWith("recovery_target") ? "recovery belongs to a restore, not to a running fleet" : undefined;
}

/** For a parameter that no server takes from a person, with or without a stack: what to do instead. */
export function fixedParameter(name: string): string | undefined {
  return lookUp([rendered, elsewhere], name);
}

/** For a parameter that stack config cannot override: what to do instead. */
export function ownedParameter(name: string): string | undefined {
  return lookUp([rendered, elsewhere, tuned], name);
}
