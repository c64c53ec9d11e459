/** What is not as declared about databases and what is in them, and the statements that make it so; each safe to repeat. */

import type { CatalogDatabase } from "../../infra/resources.ts";
import { identifier, literal, QUIET_SESSION } from "./sql.ts";

/** Seen from outside, in pg_database. */
export interface DatabaseFacts {
  name: string;
  owner: string;
  connection_limit: number;
  allow_connections: boolean;
  /** Database privileges that its owner gave: role or PUBLIC, privilege. */
  acl: Grant[];
}
type Grant = [role: string, privilege: string];

/** Seen from inside. */
export interface ContentFacts {
  schemas: { name: string; acl: Grant[] }[];
  extensions: { name: string; schema: string }[];
  /** Default privileges of the owner, in single schemas. */
  defaults: { schema: string; kind: Kind; role: string; privilege: string }[];
  /** Rights that are missing on something that the owner has made. */
  lacking: { role: string; schema: string; kind: Kind; privilege: string }[];
}
type Kind = "tables" | "sequences" | "functions";

/** How GRANT calls them. PROCEDUREs are among the functions. */
const WORDS: Record<Kind, string> = { tables: "TABLES", sequences: "SEQUENCES", functions: "ROUTINES" };
const KINDS: readonly Kind[] = ["tables", "sequences", "functions"];
const PUBLIC = "PUBLIC";

const grantee = (acl: string): string =>
  `CASE ${acl}.grantee WHEN 0 THEN '${PUBLIC}' ELSE ${acl}.grantee::regrole::text END`;
// regrole quotes where SQL needs it; names are compared as they are.
const roleName = (acl: string): string =>
  `coalesce((SELECT rolname FROM pg_roles WHERE oid = ${acl}.grantee), ${grantee(acl)})`;

export const DATABASES_QUERY = `
  SELECT d.datname AS name, o.rolname AS owner, d.datconnlimit AS connection_limit, d.datallowconn AS allow_connections,
         coalesce((SELECT json_agg(json_build_array(${roleName("a")}, a.privilege_type))
                     FROM aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a WHERE a.grantor = d.datdba), '[]') AS acl
    FROM pg_database d JOIN pg_roles o ON o.oid = d.datdba WHERE NOT d.datistemplate`;

/** One row of ContentFacts; for a session in the database. */
export function contentQuery(database: CatalogDatabase): string {
  const wanted = [...wantedRights(database)].map(({ role, schema, kind, privilege }) => ({
    role,
    schema,
    kind,
    privilege,
  }));
  const owner = literal(database.owner);
  return `
    SELECT (SELECT json_agg(json_build_object('name', n.nspname, 'acl',
                     coalesce((SELECT json_agg(json_build_array(${roleName("a")}, a.privilege_type))
                                 FROM aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) a WHERE a.grantor = n.nspowner), '[]')))
              FROM pg_namespace n WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema') AS schemas,
           coalesce((SELECT json_agg(json_build_object('name', e.extname, 'schema', n.nspname))
              FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace), '[]') AS extensions,
           coalesce((SELECT json_agg(json_build_object('schema', n.nspname, 'role', ${roleName("a")}, 'privilege', a.privilege_type,
                       'kind', CASE d.defaclobjtype WHEN 'r' THEN 'tables' WHEN 'S' THEN 'sequences' ELSE 'functions' END))
              FROM pg_default_acl d JOIN pg_namespace n ON n.oid = d.defaclnamespace JOIN pg_roles o ON o.oid = d.defaclrole,
                   aclexplode(d.defaclacl) a
             WHERE o.rolname = ${owner} AND d.defaclobjtype IN ('r', 'S', 'f')), '[]') AS defaults,
           coalesce((SELECT json_agg(w) FROM json_to_recordset(${literal(JSON.stringify(wanted))}) AS w(role text, schema text, kind text, privilege text)
              JOIN pg_roles r ON r.rolname = w.role JOIN pg_namespace n ON n.nspname = w.schema JOIN pg_roles o ON o.rolname = ${owner}
             WHERE CASE w.kind
               WHEN 'tables' THEN EXISTS (SELECT FROM pg_class c WHERE c.relnamespace = n.oid AND c.relowner = o.oid
                 AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT has_table_privilege(r.oid, c.oid, w.privilege))
               WHEN 'sequences' THEN EXISTS (SELECT FROM pg_class c WHERE c.relnamespace = n.oid AND c.relowner = o.oid
                 AND CASE c.relkind WHEN 'S' THEN NOT has_sequence_privilege(r.oid, c.oid, w.privilege) ELSE false END)
               ELSE EXISTS (SELECT FROM pg_proc p WHERE p.pronamespace = n.oid AND p.proowner = o.oid
                 AND NOT has_function_privilege(r.oid, p.oid, w.privilege)) END), '[]') AS lacking`;
}

/** @param declaredRoles rights of other roles are left alone */
export function databaseDrift(
  name: string,
  database: CatalogDatabase,
  facts: DatabaseFacts | undefined,
  content: ContentFacts | undefined,
  declaredRoles: ReadonlySet<string>,
): string[] {
  if (!facts) return [`database ${name} is missing`];
  const found: string[] = [];
  if (facts.owner !== database.owner) found.push(`database ${name} belongs to ${facts.owner}, not ${database.owner}`);
  if (facts.connection_limit !== database.connectionLimit)
    found.push(`database ${name} has connection limit ${facts.connection_limit}, not ${database.connectionLimit}`);
  if (facts.allow_connections !== database.allowConnections)
    found.push(`database ${name} ${facts.allow_connections ? "allows" : "refuses"} connections`);
  for (const [role, privilege] of missing(wantedOnDatabase(database), facts.acl))
    found.push(`role ${role} lacks ${privilege} on database ${name}`);
  for (const [role, privilege] of extraOnDatabase(database, facts, declaredRoles))
    found.push(`role ${role} has ${privilege} on database ${name}`);
  if (content) found.push(...contentDrift(name, database, content, declaredRoles));
  return found;
}

function contentDrift(
  name: string,
  database: CatalogDatabase,
  content: ContentFacts,
  declaredRoles: ReadonlySet<string>,
): string[] {
  const found: string[] = [];
  const schemas = new Map(content.schemas.map((schema) => [schema.name, schema.acl]));
  for (const schema of managedSchemas(database)) {
    const acl = schemas.get(schema);
    if (!acl) {
      found.push(`schema ${schema} is missing in ${name}`);
      continue;
    }
    for (const [role, privilege] of missing(wantedOnSchema(database, schema), acl))
      found.push(`role ${role} lacks ${privilege} on schema ${schema} of ${name}`);
    for (const [role, privilege] of extraOnSchema(database, schema, acl, declaredRoles))
      found.push(`role ${role} has ${privilege} on schema ${schema} of ${name}`);
  }
  for (const [extension, schema] of Object.entries(database.extensions)) {
    const there = content.extensions.find((e) => e.name === extension);
    if (!there) found.push(`extension ${extension} is missing in ${name}`);
    else if (schema !== "" && there.schema !== schema)
      found.push(`extension ${extension} is in schema ${there.schema} of ${name}, not ${schema}`);
  }
  const lines = new Set<string>();
  for (const { role, schema, kind, privilege } of content.lacking)
    lines.add(`role ${role} lacks ${privilege} on ${kind} of ${name}.${schema}`);
  const standing = new Set(content.defaults.map(key));
  for (const wanted of wantedRights(database))
    if (!standing.has(key(wanted)))
      lines.add(`role ${wanted.role} lacks ${wanted.privilege} on later ${wanted.kind} of ${name}.${wanted.schema}`);
  for (const { role, schema, kind, privilege } of extraDefaults(database, content, declaredRoles))
    lines.add(`role ${role} has ${privilege} on ${kind} of ${name}.${schema}`);
  return [...found, ...lines];
}

/** Outside a transaction block, as CREATE DATABASE must be. From template0: nothing that somebody put into template1. */
export function createDatabaseScript(name: string, database: CatalogDatabase): string {
  return `CREATE DATABASE ${identifier(name)} OWNER ${identifier(database.owner)} TEMPLATE template0;`;
}

/** What is said about the database from outside. */
export function databaseScript(
  name: string,
  database: CatalogDatabase,
  facts: DatabaseFacts | undefined,
  declaredRoles: ReadonlySet<string>,
): string {
  const on = `ON DATABASE ${identifier(name)}`;
  const alter = `ALTER DATABASE ${identifier(name)}`;
  return [
    QUIET_SESSION,
    "BEGIN;",
    `${alter} OWNER TO ${identifier(database.owner)};`,
    `${alter} CONNECTION LIMIT ${Math.trunc(database.connectionLimit)};`,
    `${alter} ALLOW_CONNECTIONS ${database.allowConnections};`,
    `REVOKE ALL ${on} FROM PUBLIC;`,
    ...(facts ? extraOnDatabase(database, facts, declaredRoles) : [])
      .filter(([role]) => role !== PUBLIC)
      .map(([role, privilege]) => `REVOKE ${privilege} ${on} FROM ${identifier(role)};`),
    ...wantedOnDatabase(database).map(([role, privilege]) => `GRANT ${privilege} ${on} TO ${identifier(role)};`),
    "COMMIT;",
  ].join("\n");
}

/** Schemas, extensions and rights; runs inside the database. */
export function contentScript(
  database: CatalogDatabase,
  content: ContentFacts,
  declaredRoles: ReadonlySet<string>,
): string {
  const owner = identifier(database.owner);
  const lines = [
    QUIET_SESSION,
    // Extensions that name no schema of their own go there.
    "SET search_path = public;",
    "BEGIN;",
    ...database.schemas.map((schema) => `CREATE SCHEMA IF NOT EXISTS ${identifier(schema)} AUTHORIZATION ${owner};`),
    ...Object.entries(database.extensions).flatMap(([extension, schema]) =>
      extensionLines(extension, schema, content.extensions.find((e) => e.name === extension)?.schema),
    ),
    `GRANT ALL ON SCHEMA public TO ${owner};`,
  ];
  for (const schema of managedSchemas(database)) {
    const acl = content.schemas.find((s) => s.name === schema)?.acl ?? [];
    const on = `ON SCHEMA ${identifier(schema)}`;
    for (const [role, privilege] of extraOnSchema(database, schema, acl, declaredRoles))
      lines.push(`REVOKE ${privilege} ${on} FROM ${role === PUBLIC ? PUBLIC : identifier(role)};`);
    for (const [role, privilege] of wantedOnSchema(database, schema))
      lines.push(`GRANT ${privilege} ${on} TO ${identifier(role)};`);
  }
  const defaults = (schema: string): string =>
    `ALTER DEFAULT PRIVILEGES FOR ROLE ${owner} IN SCHEMA ${identifier(schema)}`;
  // Who had a right on all that will be made had it on all that is there: both go together.
  for (const { role, schema, kind, privilege } of extraDefaults(database, content, declaredRoles)) {
    lines.push(`${defaults(schema)} REVOKE ${privilege} ON ${WORDS[kind]} FROM ${identifier(role)};`);
    lines.push(`REVOKE ${privilege} ON ALL ${WORDS[kind]} IN SCHEMA ${identifier(schema)} FROM ${identifier(role)};`);
  }
  for (const [role, schemas] of Object.entries(database.rights))
    for (const [schema, rights] of Object.entries(schemas))
      for (const kind of KINDS) {
        if (rights[kind].length === 0) continue;
        const list = rights[kind].join(", ");
        lines.push(`GRANT ${list} ON ALL ${WORDS[kind]} IN SCHEMA ${identifier(schema)} TO ${identifier(role)};`);
        lines.push(`${defaults(schema)} GRANT ${list} ON ${WORDS[kind]} TO ${identifier(role)};`);
      }
  return [...lines, "COMMIT;"].join("\n");
}

function extensionLines(extension: string, schema: string, there: string | undefined): string[] {
  const name = identifier(extension);
  if (there === undefined)
    return [`CREATE EXTENSION ${name}${schema === "" ? "" : ` SCHEMA ${identifier(schema)}`} CASCADE;`];
  return schema === "" || there === schema ? [] : [`ALTER EXTENSION ${name} SET SCHEMA ${identifier(schema)};`];
}

const managedSchemas = (database: CatalogDatabase): string[] => ["public", ...database.schemas];

const wantedOnDatabase = (database: CatalogDatabase): Grant[] =>
  database.connect.flatMap((role): Grant[] => [
    [role, "CONNECT"],
    [role, "TEMPORARY"],
  ]);

function wantedOnSchema(database: CatalogDatabase, schema: string): Grant[] {
  return Object.entries(database.rights).flatMap(([role, schemas]): Grant[] => {
    const rights = schemas[schema];
    if (!rights) return [];
    return rights.create
      ? [
          [role, "USAGE"],
          [role, "CREATE"],
        ]
      : [[role, "USAGE"]];
  });
}

function* wantedRights(database: CatalogDatabase): Generator<ContentFacts["lacking"][number]> {
  for (const [role, schemas] of Object.entries(database.rights))
    for (const [schema, rights] of Object.entries(schemas))
      for (const kind of KINDS) for (const privilege of rights[kind]) yield { role, schema, kind, privilege };
}

const missing = (wanted: readonly Grant[], acl: readonly Grant[]): Grant[] =>
  wanted.filter(([role, privilege]) => !acl.some(([r, p]) => r === role && p === privilege));

/** Nothing for PUBLIC; for declared roles what is declared; for others whatever they have. */
const extraOnDatabase = (
  database: CatalogDatabase,
  facts: DatabaseFacts,
  declaredRoles: ReadonlySet<string>,
): Grant[] => {
  const wanted = wantedOnDatabase(database);
  return facts.acl.filter(
    ([role, privilege]) =>
      role === PUBLIC ||
      (declaredRoles.has(role) && role !== facts.owner && missing([[role, privilege]], wanted).length > 0),
  );
};

/** PUBLIC keeps USAGE on public, where extensions have their functions, and loses CREATE. */
const extraOnSchema = (
  database: CatalogDatabase,
  schema: string,
  acl: readonly Grant[],
  declaredRoles: ReadonlySet<string>,
): Grant[] => {
  const wanted = wantedOnSchema(database, schema);
  return acl.filter(([role, privilege]) =>
    role === PUBLIC
      ? schema !== "public" || privilege !== "USAGE"
      : declaredRoles.has(role) && role !== database.owner && missing([[role, privilege]], wanted).length > 0,
  );
};

function extraDefaults(
  database: CatalogDatabase,
  content: ContentFacts,
  declaredRoles: ReadonlySet<string>,
): ContentFacts["defaults"] {
  const wanted = new Set([...wantedRights(database)].map(key));
  const schemas = managedSchemas(database);
  return content.defaults.filter(
    (standing) =>
      schemas.includes(standing.schema) &&
      declaredRoles.has(standing.role) &&
      standing.role !== database.owner &&
      !wanted.has(key(standing)),
  );
}

const key = ({ role, schema, kind, privilege }: ContentFacts["lacking"][number]): string =>
  JSON.stringify([role, schema, kind, privilege]);
