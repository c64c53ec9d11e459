/** docs/config.md, made from the schema, so that it cannot say anything else. */

import { z } from "zod";
import { unwrap } from "./check.ts";
import { fleetSchema } from "./schema/fleet.ts";
import { helperHost } from "./schema/hosts.ts";
import { factsOf } from "./schema/key.ts";
import { formatMb } from "./units.ts";

interface Row {
  key: string;
  shape: string;
  default: string;
  example: string;
  about: string;
}

/** The whole page, in Markdown. */
export function configReference(): string {
  const top = Object.entries(fleetSchema.shape as Record<string, z.ZodType>);
  const parts = [intro, table(top.map(([name, schema]) => row(name, schema)))];
  for (const [name, schema] of top) {
    const nested = keysUnder(name, schema);
    if (nested.length === 0) continue;
    parts.push(
      `## ${name}`,
      sectionText[name] ?? factsOf(schema)?.about ?? "",
      table(nested.map(([key, inner]) => row(key, inner))),
    );
  }
  parts.push(checksText);
  return `${parts.join("\n\n")}\n`;
}

/** Every key path there is, e.g. "hosts.<name>.role"; the list the docs are tested against. */
export function allKeys(): string[] {
  return Object.entries(fleetSchema.shape as Record<string, z.ZodType>).flatMap(([name, schema]) => [
    name,
    ...keysUnder(name, schema).map(([key]) => key),
  ]);
}

/** Keys below a key, each followed by those below itself: `roles.<name>.access`, `hba[].from`. */
function keysUnder(path: string, schema: z.ZodType): [key: string, schema: z.ZodType][] {
  const nested = keysBelow(schema);
  if (nested === undefined) return [];
  return Object.entries(nested.shape).flatMap(([name, inner]) => {
    const key = `${path}${nested.prefix}.${name}`;
    return [[key, inner] as [string, z.ZodType], ...keysUnder(key, inner)];
  });
}

function keysBelow(schema: z.ZodType): { prefix: string; shape: Record<string, z.ZodType> } | undefined {
  const inner = unwrap(schema);
  if (inner instanceof z.ZodObject) return { prefix: "", shape: inner.shape as Record<string, z.ZodType> };
  const list = inner instanceof z.ZodArray;
  if (!list && !(inner instanceof z.ZodRecord)) return undefined;
  const value = unwrap((list ? inner.element : inner.valueType) as z.ZodType);
  return value instanceof z.ZodObject
    ? { prefix: list ? "[]" : ".<name>", shape: value.shape as Record<string, z.ZodType> }
    : undefined;
}

function row(key: string, schema: z.ZodType): Row {
  const facts = factsOf(schema);
  if (facts === undefined) throw new Error(`config key ${key} has no facts: wrap its schema in key()`);
  return {
    key,
    shape: facts.shape,
    default: facts.default ?? defaultText(schema),
    example: facts.example,
    about: facts.about,
  };
}

function defaultText(schema: z.ZodType): string {
  if (schema instanceof z.ZodPrefault || schema instanceof z.ZodDefault) {
    const value = schema.def.defaultValue as unknown;
    if (typeof value === "object") return "empty";
    return `\`${String(value)}\``;
  }
  return schema instanceof z.ZodOptional ? "none" : "**required**";
}

function table(rows: Row[]): string {
  const cell = (text: string): string =>
    text
      .replaceAll("|", "\\|")
      .replaceAll("\n", " ")
      .replace(/(?<!`)<([a-z]+)>(?!`)/g, "&lt;$1&gt;");
  const lines = rows.map(
    (r) =>
      `| \`${r.key}\` | ${cell(r.shape)} | ${cell(r.default)} | \`${r.example.replaceAll("|", "\\|")}\` | ${cell(r.about)} |`,
  );
  return ["| key | must be | default | example | what it does |", "|---|---|---|---|---|", ...lines].join("\n");
}

const intro = `# Stack config

One stack is one cluster, and \`Pulumi.<stack>.yaml\` is all there is to say about it. Every key is written with the
prefix \`postgres-fleet:\`; the tables leave it out. Keys of other projects in the same file are left alone.

The smallest fleet that works:

\`\`\`yaml
config:
  postgres-fleet:cluster: broxiva
  postgres-fleet:version: 17
  postgres-fleet:initdb: { dataChecksums: true, encoding: UTF8, localeProvider: libc, locale: C.UTF-8, walSegmentSize: 16MB }
  postgres-fleet:memory: 2GB
  postgres-fleet:cpus: 2
  postgres-fleet:disk: 20GB
  postgres-fleet:hosts:
    db1: { role: primary, address: 127.0.10.1 }
\`\`\`

**Sizes** have a unit, spelled as in PostgreSQL and without a space: \`kB\` \`MB\` \`GB\` \`TB\`, each 1024 of the one before
(\`32GB\`, not \`32G\`, \`32 GB\` or \`32gb\`). **Durations** likewise: \`ms\` \`s\` \`min\` \`h\` \`d\` (\`15min\`, not \`15m\`).
A number without a unit is refused.

Everything is checked before anything is touched, and one message names every problem with its key and line. The first
line of a stack file, \`# yaml-language-server: $schema=./schema/stack.schema.json\`, gives editors completion and most of
the checks while you type.

## All keys`;

const sectionText: Record<string, string> = {
  aws: `What is made on AWS, and what all machines have in common; required on platform aws, refused elsewhere. A host is in the
subnet that has its address, and in that subnet's zone. Its \`size\` says how much memory and how many cpus it has: types of the
families r, m, c, t, i and x are in the project's table (\`infra/platforms/aws/instance-types.json\`).`,
  initdb:
    "What can only be set when the cluster is created. All five keys are required, so that none is ever a silent default. A later change is refused.",
  hosts: `A map of host names to hosts. \`memory\`, \`cpus\`, \`disk\` and \`storage\` come from the host, else from the key of the same
name at the top. Pooler and monitoring hosts for which nothing is set at either place have ${formatMb(helperHost.memoryMb)}, ${helperHost.cpus} cpu and ${formatMb(helperHost.diskMb)}.
On platform aws memory and cpus come from the host, else from its \`size\`.
A fleet whose sizes at the top are meant for database servers gives its pooler and monitoring hosts sizes of their own.

The parameters \`max_connections\`, \`max_worker_processes\`, \`max_wal_senders\`, \`max_prepared_transactions\` and
\`max_locks_per_transaction\` are the same on all members and are refused under a host.`,
  hba: `A list of rules for pg_hba.conf, beside the lines that follow from other keys. Which lines there are, in which order, and what is
refused: [access.md](access.md).`,
  databases: "A map of database names to databases. The owner is a role with `access: owner`.",
  roles:
    "A map of role names to roles. Without `passwordSecret` a password is generated once and kept. Names that start with `pg_` or `pgfleet_` are taken.",
};

const checksText = `## What is checked across keys

- Exactly one primary: one host with role primary, or none and the key \`primary\`.
- Addresses are used once. On platform local they are in 127.0.0.0/8 but not 127.0.0.1, because every host needs an
  address of its own so that all can listen on the same ports; elsewhere loopback addresses are refused.
- \`pooler.hosts\`, \`monitoring.hosts\`, \`primary\`, \`databases.<name>.owner\` and \`roles.<name>.passwordSecret\` name things that exist.
- \`hosts.<name>.upstream\` names another member, the primary has none, and no upstreams make a circle. \`reclone\` is refused on
  the primary. \`synchronous: quorum\` needs two replicas that stream from the primary itself.
- No two services of one host listen on the same port.
- The locale fits its provider, the encoding and the version.
- \`parameters\` exist in the version and their values are in range. What follows from other keys (\`port\`,
  \`listen_addresses\`, \`max_connections\`, \`primary_conninfo\`, …) is refused with the key to use instead.
- Secrets are encrypted, each on its own, and nothing else is.
- Platform aws: every host has a \`size\` and its address in one of the subnets, not one of the five that AWS keeps in each; subnets are
  in zones of the region, inside the VPC, and do not overlap; members are in more than one zone and have processors of one kind; volumes
  are within what gp3 can be; the image's PostgreSQL is \`version\`. \`aws\`, \`size\`, \`volume\` and \`replace\` are refused elsewhere.
- Platform local: the version is installed, the memory of all hosts fits this machine, and the ports are free.`;
