/** What a changed PgBouncer setting needs. */

/** PgBouncer settings that only a new process takes (SHOW CONFIG, changeable = no, 1.18 to 1.26). */
export const POOLER_RESTART_ONLY: ReadonlySet<string> = new Set([
  "listen_addr",
  "listen_port",
  "listen_backlog",
  "unix_socket_dir",
  "unix_socket_mode",
  "unix_socket_group",
  "user",
  "pidfile",
  "so_reuseport",
  "pkt_buf",
  "resolv_conf",
  "disable_pqexec",
  "job_name",
  "track_extra_parameters",
]);
