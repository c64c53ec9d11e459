/** Where a key that is not known here belongs: for people who come from PostgreSQL's own files or other tools. */

import { z } from "zod";
import { unwrap } from "./check.ts";
import type { Path } from "./problems.ts";
import { fleetSchema } from "./schema/fleet.ts";

const instead: Record<string, string> = {
  name: "cluster",
  clustername: "cluster",
  postgresversion: "version",
  pgversion: "version",
  major: "version",
  ram: "memory",
  mem: "memory",
  cpu: "cpus",
  cores: "cpus",
  vcpus: "cpus",
  disksize: "disk",
  volumesize: "disk",
  maxconnections: "connections",
  members: "hosts",
  nodes: "hosts",
  servers: "hosts",
  replicas: "hosts",
  users: "roles",
  settings: "parameters",
  config: "parameters",
  overrides: "parameters",
  restartpolicy: "restart",
  pgbouncer: "pooler",
  prometheus: "monitoring",
  ip: "address",
  password: "passwordSecret",
  defaultpoolsize: "poolSize",
  maxclientconn: "maxClientConnections",
  datadir: "stateDir",
  cidrs: "allowedNetworks",
  maxrate: "cloneRate",
  sync: "synchronous",
  synchronousreplication: "synchronous",
  synchronousmode: "synchronous",
  primaryconninfo: "upstream",
  cascade: "upstream",
  instancetype: "size",
  machinetype: "size",
  instance: "size",
  flavor: "size",
  recreate: "replace",
  ami: "image",
  vpcid: "vpc",
  vpccidr: "cidr",
  subnetid: "id",
  az: "zone",
  availabilityzone: "zone",
  sshkey: "publicKey",
  sshpublickey: "publicKey",
  keypair: "publicKey",
  rebuild: "reclone",
  reinit: "reclone",
};

/** A sentence, with a blank before it, or undefined. */
export function unknownKeyHelp(name: string, path: Path): string | undefined {
  const plain = name.toLowerCase().replace(/[-_]/g, "");
  const meant = Object.hasOwn(instead, plain) ? instead[plain]! : undefined;
  const here = keysAt(path);
  if (plain === "password")
    return ` Passwords are not written into the stack file: encrypt one under secrets and name it with passwordSecret.`;
  if (meant !== undefined && here.includes(meant)) return ` Did you mean "${meant}"?`;
  const top = Object.keys(fleetSchema.shape);
  for (const area of ["initdb", "pooler", "monitoring", "aws"] as const) {
    if (path.length === 0 && keysAt([area]).includes(name))
      return ` It belongs under ${area}: write it as ${area}.${name}.`;
  }
  if (path.length > 0 && top.includes(name)) return ` It is a key at the top: postgres-fleet:${name}.`;
  if (/^[a-z]+(_[a-z]+)+$/.test(name) && (path.length === 0 || path[0] === "hosts")) {
    return ` If it is a PostgreSQL parameter, put it under ${path.length === 0 ? "postgres-fleet:parameters" : "this host's parameters"}.`;
  }
  return undefined;
}

function keysAt(path: Path): string[] {
  let schema: z.ZodType = fleetSchema;
  for (const part of path) {
    const inner = unwrap(schema);
    if (inner instanceof z.ZodObject) schema = inner.shape[String(part)] as z.ZodType;
    else if (inner instanceof z.ZodRecord) schema = inner.valueType as z.ZodType;
    else if (inner instanceof z.ZodArray) schema = inner.element as z.ZodType;
    if (schema === undefined) return [];
  }
  const inner = unwrap(schema);
  return inner instanceof z.ZodObject ? Object.keys(inner.shape) : [];
}
