/** Settings of each kind of client, as text to paste. */

import {
  type ClientEndpoint,
  PASSWORD,
  ROOT_CERTIFICATE,
  type Target,
  tlsParameters,
  url,
} from "../../infra/clients.ts";

export const CLIENTS = ["psql", "node-postgres", "prisma", "typeorm", "jdbc", "sqlalchemy"] as const;
export type Client = (typeof CLIENTS)[number];

const ms = (seconds: number): number => seconds * 1000;
/** A client that takes one address; the others are for more instances of the application. */
const one = (target: Target): Target => ({ ...target, hosts: target.hosts.slice(0, 1) });

/** Node compares the certificate with `host` of these options: without it with "localhost", when the host is an address. */
const nodeTls = ({ hosts }: Target): string =>
  `ssl: { ca: readFileSync("${ROOT_CERTIFICATE}", "utf8"), host: "${hosts[0]!.address}" }`;

/** Options of a node-postgres pool, a line each; what else uses node-postgres takes the same. */
const poolOptions = (target: Target, { role, pool, tls }: ClientEndpoint): string[] => [
  `host: "${target.hosts[0]!.address}",`,
  `port: ${target.hosts[0]!.port},`,
  `database: "${target.database}",`,
  `user: "${role}",`,
  `password: process.env.DB_PASSWORD,`,
  ...(tls ? [`${nodeTls(target)},`] : []),
  `max: ${pool.max},`,
  `connectionTimeoutMillis: ${ms(pool.waitSeconds)},`,
  `idleTimeoutMillis: ${ms(pool.idleSeconds)},`,
];
const indented = (lines: string[]): string[] => lines.map((line) => `  ${line}`);

/** Since 7 Prisma has no other way than a driver adapter, and its URL is for migrations alone. */
function prismaAdapter(endpoint: ClientEndpoint): string[] {
  const { readWrite, readOnly, direct, tls } = endpoint;
  const adapter = (target: Target, ...more: string[]): string =>
    ["new PrismaPg({", ...indented([...poolOptions(one(target), endpoint), ...more]), "})"].join("\n");
  return [
    `// Prisma 7, and 6.16 or later with engineType = "client": the driver adapter has the pool`,
    ...(tls ? [`import { readFileSync } from "node:fs";`] : []),
    `import { PrismaPg } from "@prisma/adapter-pg";`,
    `import { PrismaClient } from "./generated/prisma/client.ts";`,
    "",
    `export const writer = new PrismaClient({ adapter: ${adapter(readWrite)} });`,
    `export const reader = new PrismaClient({ adapter: ${adapter(readOnly)} });`,
    ...(direct
      ? [
          `// prisma migrate holds session locks, so it goes to the primary itself: in 6 with engine "js" this is the adapter`,
          `// of prisma.config.ts; in 7 it takes DIRECT_URL below (datasource.url).`,
          `export const migrationAdapter = ${adapter(direct, "allowExitOnIdle: true, // or each command waits for idle connections")};`,
        ]
      : []),
  ];
}

const WRITERS: Record<Client, (endpoint: ClientEndpoint) => string> = {
  psql: ({ role, readWrite, readOnly, pool, tls }) => {
    const parameters = { connect_timeout: pool.connectSeconds, ...tlsParameters({ tls }) };
    // A password on a command line is in the process list: psql asks, or reads its passfile.
    const line = (target: Target): string => `psql '${url(role, target, parameters).replace(`:${PASSWORD}@`, "@")}'`;
    return [`# reads and writes`, line(readWrite), `# reads only`, line(readOnly)].join("\n");
  },
  "node-postgres": (endpoint) => {
    const { readWrite, readOnly, tls } = endpoint;
    const poolOf = (name: string, target: Target): string =>
      [
        `export const ${name} = new Pool({`,
        ...indented(poolOptions(target, endpoint)),
        `});`,
        `// Without a listener, an idle connection that breaks ends the process.`,
        `${name}.on("error", (error) => console.error("${name}", error.message));`,
      ].join("\n");
    return [
      ...(tls ? [`import { readFileSync } from "node:fs";`] : []),
      `import { Pool } from "pg";`,
      "",
      poolOf("writePool", readWrite),
      "",
      poolOf("readPool", readOnly),
    ].join("\n");
  },
  prisma: (endpoint) => {
    const { role, readWrite, readOnly, direct, preparedStatements, pool, tls } = endpoint;
    // Prisma's own names: sslcert is the authority's certificate, and strict checks name and authority.
    const encrypted: Record<string, string> =
      tls === "verify-full"
        ? { sslmode: "require", sslaccept: "strict", sslcert: ROOT_CERTIFICATE }
        : tls
          ? { sslmode: "prefer" }
          : {};
    const parameters = {
      connection_limit: pool.max,
      pool_timeout: pool.waitSeconds,
      connect_timeout: pool.connectSeconds,
      ...(preparedStatements ? {} : { pgbouncer: "true" }),
      ...encrypted,
    };
    return [
      ...prismaAdapter(endpoint),
      "",
      `# Prisma up to 6 with its query engine: .env`,
      `DATABASE_URL="${url(role, one(readWrite), parameters)}"`,
      `DATABASE_URL_READ="${url(role, one(readOnly), parameters)}"`,
      ...(direct ? [`DIRECT_URL="${url(role, direct, encrypted)}"`] : []),
      "",
      `// prisma/schema.prisma`,
      `datasource db {`,
      `  provider  = "postgresql"`,
      `  url       = env("DATABASE_URL")`,
      ...(direct ? [`  directUrl = env("DIRECT_URL") // prisma migrate: session locks`] : []),
      `}`,
    ].join("\n");
  },
  typeorm: ({ role, readWrite, readOnly, pool, tls }) => {
    const target = (to: Target): string => {
      const [{ address, port }] = to.hosts as [Target["hosts"][number]];
      const ssl = tls ? `, ${nodeTls(to)}` : "";
      return `{ host: "${address}", port: ${port}, username: "${role}", password: process.env.DB_PASSWORD, database: "${to.database}"${ssl} }`;
    };
    return [
      `new DataSource({`,
      `  type: "postgres",`,
      `  replication: {`,
      `    master: ${target(readWrite)},`,
      `    slaves: [${target(readOnly)}],`,
      `  },`,
      `  poolSize: ${pool.max},`,
      `  extra: { connectionTimeoutMillis: ${ms(pool.waitSeconds)}, idleTimeoutMillis: ${ms(pool.idleSeconds)} },`,
      `})`,
    ].join("\n");
  },
  jdbc: ({ role, readWrite, readOnly, preparedStatements, pool, tls }) => {
    const line = ({ hosts, database }: Target): string => {
      const places = hosts.map(({ address, port }) => `${address}:${port}`).join(",");
      const parameters = [
        `connectTimeout=${pool.connectSeconds}`,
        ...(hosts.length > 1 ? ["loadBalanceHosts=true"] : []),
        ...(preparedStatements ? [] : ["prepareThreshold=0"]),
        ...Object.entries(tlsParameters({ tls })).map(([name, value]) => `${name}=${value}`),
      ];
      return `jdbc:postgresql://${places}/${database}?${parameters.join("&")}`;
    };
    return [
      `# reads and writes`,
      `jdbcUrl=${line(readWrite)}`,
      `# reads only`,
      `jdbcUrl=${line(readOnly)}`,
      `# both (HikariCP)`,
      `username=${role}`,
      `maximumPoolSize=${pool.max}`,
      `connectionTimeout=${ms(pool.waitSeconds)}`,
    ].join("\n");
  },
  sqlalchemy: ({ role, readWrite, readOnly, preparedStatements, pool, tls }) => {
    const line = (target: Target): string =>
      url(role, one(target), tlsParameters({ tls })).replace("postgresql:", "postgresql+psycopg:");
    const engine = (name: string, target: Target): string =>
      [
        `${name} = create_engine(`,
        `    "${line(target)}",`,
        `    pool_size=${pool.max}, max_overflow=0, pool_timeout=${pool.waitSeconds}, pool_pre_ping=True,`,
        `    connect_args={"connect_timeout": ${pool.connectSeconds}${preparedStatements ? "" : ', "prepare_threshold": None'}},`,
        `)`,
      ].join("\n");
    return [engine("write_engine", readWrite), engine("read_engine", readOnly)].join("\n");
  },
};

export const snippet = (client: Client, endpoint: ClientEndpoint): string => WRITERS[client](endpoint);

/** What one has to know beyond the settings, a sentence each. */
export function notes(endpoint: ClientEndpoint, instances: number): string[] {
  const { pool, poolMode, preparedStatements, direct, readWrite, tls } = endpoint;
  return [
    ...(tls === "verify-full"
      ? [
          `TLS: ${ROOT_CERTIFICATE} is what \`pulumi stack output rootCertificates\` prints; write its path as it is where the application runs.`,
        ]
      : []),
    `${pool.max} connections for each pool of each of ${instances} ${instances === 1 ? "instance" : "instances"} (--instances): more would only wait in PgBouncer.`,
    `Waiting up to ${pool.waitSeconds} s for a connection outlasts a restart of the primary; a shorter limit makes it an error.`,
    ...(poolMode === "transaction"
      ? [
          "Transaction mode: SET, LISTEN, session advisory locks and temporary tables do not outlive a transaction. Timeouts and search_path belong to the role.",
          preparedStatements
            ? "Prepared statements of the protocol work; SQL's PREPARE does not."
            : "Prepared statements do not outlive a transaction with this PgBouncer; 1.21 and later keep them.",
        ]
      : []),
    ...(direct
      ? []
      : [
          "Nothing lets this role in without the pooler; migrations that hold session locks need allowedNetworks or a rule under hba.",
        ]),
    ...(readWrite.hosts.length > 1
      ? ["There are several poolers. A client that takes one address: give each instance another one."]
      : []),
    "Reads from replicas may be a moment behind; read what was just written with the other pool.",
  ];
}
