/** Driver `provider`: declared roles, databases and rights as @pulumi/postgresql resources, over TCP from where `up` runs. */

import * as postgresql from "@pulumi/postgresql";
import * as pulumi from "@pulumi/pulumi";
import type { Catalog, DeclaredRole } from "../catalog.ts";
import type { CatalogDatabase, CatalogRights } from "../resources.ts";

export interface CatalogArgs {
  /** What is declared, without the project's own roles. */
  catalog: Pick<Catalog, "roles" | "databases" | "monitors">;
  /** Role → SCRAM verifier; secret. PostgreSQL stores a verifier as it is, so no password travels. */
  verifiers: pulumi.Output<Record<string, string>>;
}

/**
 * Where the server is and who logs in comes from the stack's own keys of that provider: `postgresql:host`,
 * `postgresql:port`, `postgresql:username`, `postgresql:password`.
 */
export class CatalogResources extends pulumi.ComponentResource {
  /** Nothing is dropped because a line went away: neither data nor who owns it. */
  readonly #kept: pulumi.CustomResourceOptions = { parent: this, retainOnDelete: true };

  constructor(name: string, args: CatalogArgs, options?: pulumi.ComponentResourceOptions) {
    super("pgfleet:components:CatalogResources", name, {}, options);
    const { roles, databases, monitors } = args.catalog;
    const made = new Map<string, postgresql.Role>();
    for (const role of inOrder(roles)) made.set(role, this.#role(role, roles[role]!, args, made));
    const rest = { parent: this, dependsOn: [...made.values()] };
    for (const [database, declared] of Object.entries(databases)) this.#database(database, declared, rest.dependsOn);
    const grants = new Chain(this, rest.dependsOn);
    for (const role of monitors) this.#onDatabase(grants, "postgres", role, ["CONNECT"]);
    this.registerOutputs();
  }

  #role(
    name: string,
    role: DeclaredRole,
    args: CatalogArgs,
    made: ReadonlyMap<string, postgresql.Role>,
  ): postgresql.Role {
    const { search_path, statement_timeout, idle_in_transaction_session_timeout, role: assumed } = role.parameters;
    return new postgresql.Role(
      name,
      {
        name,
        login: role.login,
        replication: role.replication,
        superuser: false,
        createDatabase: false,
        createRole: false,
        bypassRowLevelSecurity: false,
        inherit: true,
        connectionLimit: role.connectionLimit,
        validUntil: role.validUntil,
        roles: role.memberOf,
        ...(role.login ? { password: args.verifiers.apply((all) => all[name]!) } : {}),
        ...(assumed === undefined ? {} : { assumeRole: assumed }),
        ...(search_path === undefined ? {} : { searchPaths: search_path.split(",").map(unquoted) }),
        ...(statement_timeout === undefined ? {} : { statementTimeout: Number(statement_timeout) }),
        ...(idle_in_transaction_session_timeout === undefined
          ? {}
          : { idleInTransactionSessionTimeout: Number(idle_in_transaction_session_timeout) }),
      },
      { ...this.#kept, dependsOn: role.memberOf.flatMap((group) => made.get(group) ?? []) },
    );
  }

  #database(name: string, declared: CatalogDatabase, roles: postgresql.Role[]): void {
    const { owner, connectionLimit, allowConnections } = declared;
    const database = new postgresql.Database(
      name,
      // The provider's own defaults are UTF8 and C, whatever the cluster has.
      {
        name,
        owner,
        connectionLimit,
        allowConnections,
        template: "template0",
        encoding: "DEFAULT",
        lcCollate: "DEFAULT",
        lcCtype: "DEFAULT",
      },
      { ...this.#kept, dependsOn: roles },
    );
    const inside = { parent: this, dependsOn: [database, ...roles] as pulumi.Resource[] };
    for (const schema of declared.schemas) {
      const made = new postgresql.Schema(
        `${name}.${schema}`,
        { database: name, name: schema, owner, ifNotExists: true, dropCascade: false },
        { ...this.#kept, dependsOn: inside.dependsOn },
      );
      inside.dependsOn = [...inside.dependsOn, made];
    }
    for (const [extension, schema] of Object.entries(declared.extensions))
      new postgresql.Extension(
        `${name}.${extension}`,
        { database: name, name: extension, createCascade: true, ...(schema === "" ? {} : { schema }) },
        { ...this.#kept, dependsOn: inside.dependsOn },
      );
    const grants = new Chain(this, inside.dependsOn);
    this.#onDatabase(grants, name, "public", []);
    for (const role of declared.connect) this.#onDatabase(grants, name, role, ["CONNECT", "TEMPORARY"]);
    const onSchema = (role: string, schema: string, privileges: string[]): void => {
      const args = { database: name, schema, role, objectType: "schema", privileges };
      grants.add((options) => new postgresql.Grant(`${name}.${schema}:${role}`, args, options));
    };
    onSchema("public", "public", ["USAGE"]);
    onSchema(owner, "public", ["CREATE", "USAGE"]);
    for (const [role, schemas] of Object.entries(declared.rights))
      for (const [schema, rights] of Object.entries(schemas)) {
        onSchema(role, schema, rights.create ? ["CREATE", "USAGE"] : ["USAGE"]);
        for (const [kind, objectType, later] of KINDS) {
          if (rights[kind].length === 0) continue;
          const id = `${name}.${schema}.${kind}:${role}`;
          const common = { database: name, schema, role, privileges: rights[kind] };
          grants.add((options) => new postgresql.Grant(id, { ...common, objectType }, options));
          grants.add(
            (options) => new postgresql.DefaultPrivileges(id, { ...common, owner, objectType: later }, options),
          );
        }
      }
  }

  #onDatabase(grants: Chain, database: string, role: string, privileges: string[]): void {
    const args = { database, role, objectType: "database", privileges };
    grants.add((options) => new postgresql.Grant(`${database}:${role}`, args, options));
  }
}

/** Grants one after the other: two at once on one database or schema collide in the server's catalog. */
class Chain {
  readonly #parent: pulumi.Resource;
  readonly #first: readonly pulumi.Resource[];
  #last: pulumi.Resource[] = [];

  /** @param first what all of them wait for */
  constructor(parent: pulumi.Resource, first: readonly pulumi.Resource[]) {
    this.#parent = parent;
    this.#first = first;
  }

  add(make: (options: pulumi.CustomResourceOptions) => pulumi.Resource): void {
    this.#last = [make({ parent: this.#parent, dependsOn: [...this.#first, ...this.#last] })];
  }
}

const KINDS: [keyof Omit<CatalogRights, "create">, objectType: string, later: string][] = [
  ["tables", "table", "table"],
  ["sequences", "sequence", "sequence"],
  ["functions", "routine", "function"],
];

/** Groups before their members. */
function inOrder(roles: Record<string, DeclaredRole>): string[] {
  const order = new Set<string>();
  const visit = (name: string): void => {
    if (order.has(name) || !Object.hasOwn(roles, name)) return;
    for (const group of roles[name]!.memberOf) visit(group);
    order.add(name);
  };
  for (const name of Object.keys(roles)) visit(name);
  return [...order];
}

const unquoted = (name: string): string => name.trim().replace(/^"(.*)"$/, "$1");
