/** Names that the project gives to things, in one place. */

/** Superuser made by initdb; reached through the unix socket of its host only. */
export const SUPERUSER = "postgres";
/** Replicas stream and are cloned as this role. */
export const REPLICATION_ROLE = "pgfleet_replicator";
/** Member of pg_monitor; postgres_exporter logs in as it through the socket. */
export const EXPORTER_ROLE = "pgfleet_exporter";
/** A user of PgBouncer's console only (SHOW, no changes); no role of any server. */
export const STATS_USER = "pgfleet_stats";
/** PgBouncer's own name for who comes through its unix socket with its own OS user; needs no password. */
export const POOLER_ADMIN = "pgbouncer";
/** Map in pg_ident.conf from OS users to roles. */
export const IDENT_MAP = "pgfleet";

/** A member's physical slot: `pgfleet_db_2` for host "db-2". Host names have no underscore, so two never meet. */
export const slotName = (member: string): string => `pgfleet_${member.replaceAll("-", "_")}`;

/** cluster_name: shown in process titles. The walreceiver's application_name is the member's name alone. */
export const clusterName = (cluster: string, member: string): string => `${cluster}-${member}`;

/** PgBouncer's name for the replicas of a database. */
export const readOnlyAlias = (database: string): string => `${database}_ro`;
