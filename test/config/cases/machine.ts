import type { LoadContext } from "../../../infra/config/load.ts";
import { type Case, fleet } from "../support.ts";

const machine = { installedMajors: [15, 16], memoryMb: 4096, portsInUse: [] };

/** Last: what is found on the machine. */
export const machineCases: [...Case, LoadContext["machine"]][] = [
  ["version not installed", {}, "version", "Installed are 15, 16", "postgresql-17", machine],
  [
    "no version installed",
    {},
    "version",
    "No PostgreSQL server is installed",
    "postgresql-17",
    { ...machine, installedMajors: [] },
  ],
  [
    "too much memory",
    { version: 16, memory: "2GB", hosts: fleet() },
    "memory",
    "8GB together",
    "db1 2GB",
    "4GB",
    machine,
  ],
  [
    "port taken",
    { version: 16 },
    "hosts.db1.address",
    "127.0.10.1:5432",
    "postgres (pid 7)",
    "another address",
    { ...machine, portsInUse: [{ address: "127.0.10.1", port: 5432, by: "postgres (pid 7)" }] },
  ],
  [
    "port taken on all addresses",
    { version: 16, hosts: fleet() },
    "hosts.pool1.address",
    "6432 of all addresses",
    "pooler.port",
    { ...machine, portsInUse: [{ address: "0.0.0.0", port: 6432, by: "pgbouncer" }] },
  ],
];
