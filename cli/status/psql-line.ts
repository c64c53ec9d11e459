/** A line to paste into a shell: psql through PgBouncer, the password in a passfile. */

import { hostNamed, type RoleSpec, reaches, tlsVerified } from "../../infra/config/spec.ts";
import type { Fleet } from "../../infra/fleet.ts";
import { TLS_FILES } from "../../infra/rendering/tls-files.ts";

export interface PoolerLogin {
  /** Host that runs PgBouncer. */
  pooler: string;
  address: string;
  port: number;
  role: string;
  database: string;
  passfile: string;
  /** What psql is to trust; null without TLS. */
  rootCertificate: string | null;
}

const PREFERENCE: RoleSpec["access"][] = ["readwrite", "owner", "readonly"];

/** The role to show: the first that may log in, those that may write before those that may only read. */
export function applicationRole(roles: readonly RoleSpec[]): RoleSpec | undefined {
  const able = roles.filter((role) => role.login);
  return PREFERENCE.flatMap((access) => able.filter((role) => role.access === access))[0];
}

/** One login for each pooler that has a passfile (platform `local`), with the same role and the first database. */
export function poolerLogins({ spec, plans, layouts }: Fleet): PoolerLogin[] {
  const database = spec.databases[0];
  const role = applicationRole(spec.roles.filter((r) => !database || reaches(r, database.name)));
  if (!spec.pooler || !role || !database) return [];
  const { hosts, port } = spec.pooler;
  return hosts
    .filter((name) => plans.get(name)!.components.some((component) => component.name === "client"))
    .map((pooler) => {
      const folder = `${layouts.get(pooler)!.current}/client`;
      const passfile = `${folder}/passfile`;
      return {
        pooler,
        address: hostNamed(spec, pooler).address,
        port,
        role: role.name,
        database: database.name,
        passfile,
        rootCertificate: tlsVerified(spec) ? `${folder}/${TLS_FILES.ca}` : null,
      };
    });
}

/** What libpq is told of TLS. */
export const tlsEnvironment = ({ rootCertificate }: Pick<PoolerLogin, "rootCertificate">): Record<string, string> =>
  rootCertificate ? { PGSSLMODE: "verify-full", PGSSLROOTCERT: rootCertificate } : {};

export function psqlLine(fleet: Fleet): string | null {
  const login = poolerLogins(fleet)[0];
  if (!login) return null;
  const { passfile, address, port, role, database } = login;
  const tls = Object.entries(tlsEnvironment(login)).map(([name, value]) => `${name}=${word(value)} `);
  return `PGPASSFILE=${word(passfile)} ${tls.join("")}psql -h ${address} -p ${port} -U ${word(role)} -d ${word(database)}`;
}

/** A word for a POSIX shell. */
const word = (text: string): string =>
  /^[A-Za-z0-9_./:=@+-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
