/**
 * Stands in for the plugin of @pulumi/postgresql: the statements that it runs when it makes, changes or deletes a
 * resource, as its source says. A grant begins with taking everything away that the role has on the objects.
 */

import { identifier, literal } from "../../../provider/postgres/sql.ts";

export interface Statement {
  /** Default "postgres". */
  database?: string;
  script: string;
}
type Inputs = Record<string, unknown>;

const text = (inputs: Inputs, key: string): string => inputs[key] as string;
const list = (inputs: Inputs, key: string): string[] => (inputs[key] as string[] | undefined) ?? [];
const flag = (inputs: Inputs, key: string, word: string): string => (inputs[key] ? word : `NO${word}`);
const to = (role: string): string => (role === "public" ? "PUBLIC" : identifier(role));

/** @param type e.g. "postgresql:index/role:Role" */
export function createScript(type: string, inputs: Inputs): Statement {
  switch (type.split(":").at(-1)) {
    case "Role":
      return { script: role(inputs) };
    case "Database":
      return { script: database(inputs) };
    case "Schema":
      return {
        database: text(inputs, "database"),
        script: `CREATE SCHEMA IF NOT EXISTS ${identifier(text(inputs, "name"))} AUTHORIZATION ${identifier(text(inputs, "owner"))};`,
      };
    case "Extension": {
      const schema = inputs.schema === undefined ? "" : ` SCHEMA ${identifier(text(inputs, "schema"))}`;
      return {
        database: text(inputs, "database"),
        script: `CREATE EXTENSION IF NOT EXISTS ${identifier(text(inputs, "name"))}${schema} CASCADE;`,
      };
    }
    case "Grant":
      return { database: text(inputs, "database"), script: grant(inputs) };
    case "DefaultPrivileges":
      return { database: text(inputs, "database"), script: defaults(inputs) };
    default:
      throw new Error(`no stand-in for ${type}`);
  }
}

/** What it runs for a change of a resource that stays the same one. */
export function updateScript(type: string, olds: Inputs, news: Inputs): Statement {
  switch (type.split(":").at(-1)) {
    case "Role":
      return { script: changedRole(olds, news) };
    case "Database": {
      const name = identifier(text(news, "name"));
      const statements = [
        `ALTER DATABASE ${name} OWNER TO ${identifier(text(news, "owner"))};`,
        `ALTER DATABASE ${name} CONNECTION LIMIT ${news.connectionLimit as number};`,
        `ALTER DATABASE ${name} ALLOW_CONNECTIONS ${news.allowConnections as boolean};`,
      ];
      return { script: statements.join("\n") };
    }
    case "Schema":
      return {
        database: text(news, "database"),
        script: `ALTER SCHEMA ${identifier(text(news, "name"))} OWNER TO ${identifier(text(news, "owner"))};`,
      };
    case "Grant":
    case "DefaultPrivileges":
      return createScript(type, news);
    default:
      throw new Error(`no stand-in for a change of ${type}`);
  }
}

/** Rights are taken away; what a stack keeps when it is taken out never comes here. */
export function deleteScript(type: string, olds: Inputs): Statement {
  switch (type.split(":").at(-1)) {
    case "Grant":
      return { database: text(olds, "database"), script: grant({ ...olds, privileges: [] }) };
    case "DefaultPrivileges":
      return { database: text(olds, "database"), script: defaults({ ...olds, privileges: [] }) };
    default:
      throw new Error(`${type} is to be kept, and was deleted`);
  }
}

/** Parameters of a role that the plugin knows: property → parameter. */
const PARAMETERS = {
  statementTimeout: "statement_timeout",
  idleInTransactionSessionTimeout: "idle_in_transaction_session_timeout",
  assumeRole: "role",
} as const;

function role(inputs: Inputs): string {
  const name = identifier(text(inputs, "name"));
  return [`CREATE ROLE ${name} WITH ${attributes(inputs)};`, ...memberships(inputs), ...settings(inputs)].join("\n");
}

function changedRole(olds: Inputs, news: Inputs): string {
  const name = identifier(text(news, "name"));
  const gone = Object.entries({ ...PARAMETERS, searchPaths: "search_path" }).filter(
    ([key]) => olds[key] !== undefined && news[key] === undefined,
  );
  return [
    `ALTER ROLE ${name} WITH ${attributes(news)};`,
    ...list(olds, "roles").map((group) => `REVOKE ${identifier(group)} FROM ${name};`),
    ...memberships(news),
    ...gone.map(([, parameter]) => `ALTER ROLE ${name} RESET ${parameter};`),
    ...settings(news),
  ].join("\n");
}

function attributes(inputs: Inputs): string {
  const words = [
    flag(inputs, "login", "LOGIN"),
    flag(inputs, "replication", "REPLICATION"),
    flag(inputs, "superuser", "SUPERUSER"),
    flag(inputs, "createDatabase", "CREATEDB"),
    flag(inputs, "createRole", "CREATEROLE"),
    flag(inputs, "bypassRowLevelSecurity", "BYPASSRLS"),
    flag(inputs, "inherit", "INHERIT"),
    `CONNECTION LIMIT ${inputs.connectionLimit as number}`,
    `VALID UNTIL ${literal(text(inputs, "validUntil"))}`,
    ...(inputs.password === undefined ? [] : [`ENCRYPTED PASSWORD ${literal(text(inputs, "password"))}`]),
  ];
  return words.join(" ");
}

const memberships = (inputs: Inputs): string[] =>
  list(inputs, "roles").map((group) => `GRANT ${identifier(group)} TO ${identifier(text(inputs, "name"))};`);

function settings(inputs: Inputs): string[] {
  const name = identifier(text(inputs, "name"));
  const paths = list(inputs, "searchPaths");
  return [
    ...(paths.length === 0 ? [] : [`ALTER ROLE ${name} SET search_path TO ${paths.map(identifier).join(", ")};`]),
    ...Object.entries(PARAMETERS)
      .filter(([key]) => inputs[key] !== undefined)
      .map(([key, parameter]) => `ALTER ROLE ${name} SET ${parameter} TO ${literal(String(inputs[key]))};`),
  ];
}

function database(inputs: Inputs): string {
  const word = (key: string, name: string): string =>
    inputs[key] === "DEFAULT" ? "" : ` ${name} ${literal(text(inputs, key))}`;
  return (
    `CREATE DATABASE ${identifier(text(inputs, "name"))} OWNER ${identifier(text(inputs, "owner"))} TEMPLATE ${identifier(text(inputs, "template"))}` +
    `${word("encoding", "ENCODING")}${word("lcCollate", "LC_COLLATE")}${word("lcCtype", "LC_CTYPE")}` +
    ` ALLOW_CONNECTIONS ${inputs.allowConnections as boolean} CONNECTION LIMIT ${inputs.connectionLimit as number};`
  );
}

function grant(inputs: Inputs): string {
  const kind = text(inputs, "objectType");
  const on =
    kind === "database"
      ? `DATABASE ${identifier(text(inputs, "database"))}`
      : kind === "schema"
        ? `SCHEMA ${identifier(text(inputs, "schema"))}`
        : `ALL ${kind.toUpperCase()}S IN SCHEMA ${identifier(text(inputs, "schema"))}`;
  const who = to(text(inputs, "role"));
  const privileges = list(inputs, "privileges").join(", ");
  return `REVOKE ALL PRIVILEGES ON ${on} FROM ${who};${privileges === "" ? "" : ` GRANT ${privileges} ON ${on} TO ${who};`}`;
}

function defaults(inputs: Inputs): string {
  const alter = `ALTER DEFAULT PRIVILEGES FOR ROLE ${identifier(text(inputs, "owner"))} IN SCHEMA ${identifier(text(inputs, "schema"))}`;
  const on = `${text(inputs, "objectType").toUpperCase()}S`;
  const who = to(text(inputs, "role"));
  const privileges = list(inputs, "privileges").join(", ");
  return `${alter} REVOKE ALL ON ${on} FROM ${who};${privileges === "" ? "" : ` ${alter} GRANT ${privileges} ON ${on} TO ${who};`}`;
}
