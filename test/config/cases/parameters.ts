import { type Case, fleet, host } from "../support.ts";

export const parametersCases: Case[] = [
  [
    "five: max_connections on a host",
    host({ parameters: { max_connections: 5 } }),
    "hosts.db1.parameters.max_connections",
    "postgres-fleet:connections",
  ],
  ...["max_worker_processes", "max_wal_senders", "max_prepared_transactions", "max_locks_per_transaction"].map(
    (name): Case => [
      `five: ${name} on a host`,
      host({ parameters: { [name]: 64 } }),
      `hosts.db1.parameters.${name}`,
      "cannot differ between members",
      "postgres-fleet:parameters",
    ],
  ),
  [
    "five, in capitals",
    host({ parameters: { MAX_WAL_SENDERS: 9 } }),
    "hosts.db1.parameters.MAX_WAL_SENDERS",
    "cannot differ",
  ],
  [
    "max_connections as a parameter",
    { parameters: { max_connections: 100 } },
    "parameters.max_connections",
    "postgres-fleet:connections",
  ],
  ...(
    [
      ["port", "pooler.port"],
      ["listen_addresses", "hosts.<name>.address"],
      ["hba_file", "allowedNetworks"],
      ["ident_file", "pg_ident.conf"],
      ["data_directory", "stateDir"],
      ["config_file", "the project writes it"],
      ["primary_conninfo", "postgres-fleet:primary"],
      ["primary_slot_name", "slot of its own"],
      ["cluster_name", "postgres-fleet:cluster"],
      ["unix_socket_directories", "fixed"],
      ["restore_command", "recovery"],
      ["recovery_target_time", "recovery"],
      ["include", "other files are not read"],
      ["data_checksums", "initdb.dataChecksums"],
    ] as const
  ).map(
    ([name, gist]): Case => [
      `parameter of the project: ${name}`,
      { parameters: { [name]: "x" } },
      `parameters.${name}`,
      "cannot be set as a parameter",
      gist,
    ],
  ),
  [
    "parameter of the project on a host",
    host({ parameters: { port: 1 } }),
    "hosts.db1.parameters.port",
    "cannot be set",
  ],
  ["unknown parameter", { parameters: { shared_bufers: "1GB" } }, "parameters.shared_bufers", "17", "shared_buffers"],
  ["parameter that a version lacks", { version: 16, parameters: { io_method: "sync" } }, "parameters.io_method", "18"],
  [
    "parameter out of range",
    host({ parameters: { random_page_cost: -1 } }),
    "hosts.db1.parameters.random_page_cost",
    "random_page_cost",
  ],
  ["parameter with a bad unit", { parameters: { work_mem: "64KB" } }, "parameters.work_mem", "64kB"],
  [
    "parameter as a list",
    { parameters: { work_mem: ["64MB"] } },
    "parameters.work_mem",
    "a list",
    "text, a number or true/false",
  ],
  ["parameter without value", { parameters: { work_mem: null } }, "parameters.work_mem", "has no value"],
  [
    "parameter with a line break",
    { parameters: { application_name: "a\nport = 1" } },
    "parameters.application_name",
    /line break|control character/,
  ],
  ["parameters as text", { parameters: "work_mem=64MB" }, "parameters", "a map of PostgreSQL parameters"],
  [
    "parameters of a pooler host",
    { hosts: fleet({ pool1: { role: "pooler", address: "127.0.10.10", parameters: { jit: "off" } } }) },
    "hosts.pool1.parameters.jit",
    "runs no server",
  ],
];
