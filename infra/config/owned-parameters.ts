/** PostgreSQL parameters that stack config sets by other keys, or that are the project's own business. */

/** A standby must never have one of these smaller than its primary, so they belong to the cluster. */
export const hotStandbyParameters = [
  "max_connections",
  "max_worker_processes",
  "max_wal_senders",
  "max_prepared_transactions",
  "max_locks_per_transaction",
] as const;

/** Parameter in lower case → what to do instead. */
const instead: Record<string, string> = {
  max_connections: "use the key postgres-fleet:connections",
  port: "servers always listen on 5432 of their host's address; change hosts.<name>.address, or pooler.port for what clients connect to",
  listen_addresses: "use hosts.<name>.address",
  cluster_name: "it is made of the key postgres-fleet:cluster and the host's name",
  data_directory: "use the key postgres-fleet:stateDir on platform local; elsewhere its place is fixed",
  hba_file: "the project writes pg_hba.conf; use the keys postgres-fleet:allowedNetworks and postgres-fleet:roles",
  ident_file: "the project writes pg_ident.conf",
  config_file: "the project writes it and decides when a new one becomes active",
  external_pid_file: "the pid file's place is fixed",
  unix_socket_directories: "the sockets' place is fixed",
  primary_conninfo: "it follows from which host is primary; use hosts.<name>.role or the key postgres-fleet:primary",
  primary_slot_name: "every replica has a slot of its own, named after its host",
  promote_trigger_file: "which host is primary is set by hosts.<name>.role or the key postgres-fleet:primary",
  hot_standby: "replicas always answer queries",
  restore_command: "recovery is the project's business",
  recovery_end_command: "recovery is the project's business",
  archive_cleanup_command: "recovery is the project's business",
  standby_mode: "which host is primary is set by hosts.<name>.role or the key postgres-fleet:primary",
  trigger_file: "which host is primary is set by hosts.<name>.role or the key postgres-fleet:primary",
  wal_segment_size: "use initdb.walSegmentSize, before the cluster is created",
  data_checksums: "use initdb.dataChecksums, before the cluster is created",
  server_encoding: "use initdb.encoding, before the cluster is created",
  lc_collate: "use initdb.locale, before the cluster is created",
  lc_ctype: "use initdb.locale, before the cluster is created",
  include: "other files are not read; write the parameters out here",
  include_dir: "other files are not read; write the parameters out here",
  include_if_exists: "other files are not read; write the parameters out here",
};

/** For a parameter that cannot be overridden: what to do instead. */
export function ownedParameter(name: string): string | undefined {
  const lower = name.toLowerCase();
  if (Object.hasOwn(instead, lower)) return instead[lower];
  if (lower.startsWith("recovery_target")) return "recovery is the project's business";
  return undefined;
}
