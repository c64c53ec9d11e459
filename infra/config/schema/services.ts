/** The pooler and monitoring. */

import { z } from "zod";
import { integer, key, quantity } from "./key.ts";
import { poolerParameters } from "./parameters.ts";

const port = integer(1024, 65535);
const portShape = "a port from 1024 to 65535";
const hostList = () => z.array(z.string()).min(1).optional();
const roleList = () => z.array(z.string()).optional();
const connections = () => integer(1, 262143).optional();
const connectionsShape = "a whole number from 1 to 262143";

const poolerEntry = z.strictObject({
  poolSize: key(connections(), {
    shape: connectionsShape,
    example: "40",
    about: "Server connections per role, in place of `pooler.poolSize`.",
    default: "pooler.poolSize",
  }),
  reservePoolSize: key(integer(0, 262143).optional(), {
    shape: "a whole number from 0 to 262143",
    example: "0",
    about: "In place of `pooler.reservePoolSize`.",
    default: "pooler.reservePoolSize",
  }),
  maxConnections: key(connections(), {
    shape: connectionsShape,
    example: "60",
    about: "PgBouncer's `max_db_connections`: server connections of all roles together.",
    default: "what fits into the servers",
  }),
});

const poolerUser = z.strictObject({
  poolSize: key(connections(), {
    shape: connectionsShape,
    example: "5",
    about: "Server connections per entry, in place of `pooler.poolSize`. PgBouncer 1.23 and later.",
    default: "that of the entry",
  }),
  maxConnections: key(connections(), {
    shape: connectionsShape,
    example: "10",
    about: "PgBouncer's `max_user_connections`: server connections over all entries.",
    default: "no limit of its own",
  }),
});

export const pooler = key(
  z
    .strictObject({
      hosts: key(hostList(), {
        shape: "a list of host names",
        example: "[pool1, pool2]",
        about: "Hosts that run PgBouncer.",
        default: "the hosts with role pooler",
      }),
      poolMode: key(z.enum(["transaction", "session"]).default("transaction"), {
        shape: "one of transaction, session",
        example: "session",
        about:
          "When a server connection goes back to the pool. Only in transaction mode do restarts go unnoticed by clients.",
        spellings: { statement: "transaction" },
      }),
      maxClientConnections: key(integer(1, 1_000_000).default(1000), {
        shape: "a whole number from 1 to 1000000",
        example: "2000",
        about: "PgBouncer's `max_client_conn`: clients of one pooler at once.",
      }),
      poolSize: key(integer(1, 262143).optional(), {
        shape: "a whole number from 1 to 262143",
        example: "25",
        about:
          "PgBouncer's `default_pool_size`: server connections per database and user. When it is set, all pools together have to fit into the servers; the default shrinks until they do.",
        default: "20",
      }),
      reservePoolSize: key(integer(0, 262143).optional(), {
        shape: "a whole number from 0 to 262143",
        example: "5",
        about: "PgBouncer's `reserve_pool_size`: more connections for a pool whose clients wait.",
        default: "5",
      }),
      port: key(port.default(6432), { shape: portShape, example: "6432", about: "Port that PgBouncer listens on." }),
      databases: key(z.record(z.string(), poolerEntry).optional(), {
        shape: "a map of PgBouncer's entries (a database, or its name with _ro) to pools",
        example: "{ broxiva: { poolSize: 40 }, broxiva_ro: { maxConnections: 60 } }",
        about:
          "Pools of single databases. What is said of a database holds for its read-only entry too, unless that has its own.",
        default: "all alike",
      }),
      users: key(z.record(z.string(), poolerUser).optional(), {
        shape: "a map of names under `roles` to pools",
        example: "{ broxiva_readonly: { maxConnections: 10 } }",
        about: "Pools of single roles.",
        default: "all alike",
      }),
      processes: key(integer(1, 32).default(1), {
        shape: "a whole number from 1 to 32",
        example: "4",
        about:
          "PgBouncer processes on each of its hosts; one process uses one cpu. They share the port, and every number of `pooler` is for one process.",
      }),
      maxPreparedStatements: key(integer(0, 100_000).optional(), {
        shape: "a whole number from 0 to 100000",
        example: "500",
        about: "PgBouncer's `max_prepared_statements` per connection; 0 turns them off. PgBouncer 1.21 and later.",
        default: "200 in transaction mode from 1.21 on",
      }),
      adminUsers: key(roleList(), {
        shape: "a list of names under `roles`",
        example: "[anna]",
        about: "Roles that may use PgBouncer's console (PAUSE, RELOAD, …) with their own password.",
        default: "none besides the project, through the unix socket",
      }),
      statsUsers: key(roleList(), {
        shape: "a list of names under `roles`",
        example: "[grafana]",
        about: "Roles that may look at PgBouncer's console (SHOW).",
        default: "none besides the exporter",
      }),
      parameters: poolerParameters,
    })
    .optional(),
  {
    shape: "a map",
    example: "{ poolSize: 25 }",
    about: "PgBouncer.",
    default: "with the values below when a host has role pooler, else no pooler",
  },
);

export const monitoring = key(
  z
    .strictObject({
      enabled: key(z.boolean().default(true), {
        shape: "true or false",
        example: "false",
        about: "Whether exporters and Prometheus run at all.",
      }),
      hosts: key(hostList(), {
        shape: "a list of host names",
        example: "[mon1]",
        about: "Hosts that run Prometheus.",
        default: "the hosts with role monitoring",
      }),
      scrapeInterval: key(quantity("duration").prefault("15s"), {
        shape: "a duration from 1s to 1h",
        example: "30s",
        about: "How often Prometheus reads the exporters; whole seconds.",
        quantity: "duration",
      }),
      retention: key(quantity("duration").prefault("15d"), {
        shape: "whole days, from 1d to 3650d",
        example: "30d",
        about: "How long Prometheus keeps what it read.",
        quantity: "duration",
      }),
      prometheusPort: key(port.default(9090), {
        shape: portShape,
        example: "9090",
        about: "Port that Prometheus listens on.",
      }),
    })
    .optional(),
  {
    shape: "a map",
    example: "{ retention: 30d }",
    about: "Exporters and Prometheus.",
    default: "with the values below when a host has role monitoring, else none",
  },
);
