/** The pooler and monitoring. */

import { z } from "zod";
import { integer, key, quantity } from "./key.ts";
import { poolerParameters } from "./parameters.ts";

const port = integer(1024, 65535);
const portShape = "a port from 1024 to 65535";
const hostList = () => z.array(z.string()).min(1).optional();

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
      poolSize: key(integer(1, 262143).default(20), {
        shape: "a whole number from 1 to 262143",
        example: "25",
        about: "PgBouncer's `default_pool_size`: server connections per database and user.",
      }),
      reservePoolSize: key(integer(0, 262143).default(5), {
        shape: "a whole number from 0 to 262143",
        example: "5",
        about: "PgBouncer's `reserve_pool_size`: more connections for a pool whose clients wait.",
      }),
      port: key(port.default(6432), { shape: portShape, example: "6432", about: "Port that PgBouncer listens on." }),
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
