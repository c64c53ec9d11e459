/** Asks the servers what an audit needs to know. Reads only, and never a verifier. */

import * as path from "node:path";
import { members } from "../../infra/config/spec.ts";
import type { Fleet } from "../../infra/fleet.ts";
import { connections } from "../../infra/platforms/platform.ts";
import { PORTS } from "../../infra/rendering/ports.ts";
import { hostAt } from "../../provider/host.ts";
import { type SqlTarget, select } from "../../provider/postgres/sql.ts";
import { isInRecovery } from "../../provider/postgres/standby.ts";
import { type CertificateFacts, certificateOf, readCertificate } from "../certificates.ts";
import type { AuditFacts, DatabaseFacts, MemberFacts, RoleFacts } from "./types.ts";

const ROLES = `SELECT rolname AS name, rolcanlogin AS login, rolsuper AS superuser, rolconnlimit AS "connectionLimit",
  CASE WHEN rolpassword IS NULL THEN 'none' WHEN rolpassword LIKE 'SCRAM-SHA-256$%' THEN 'scram'
       WHEN rolpassword LIKE 'md5%' THEN 'md5' ELSE 'other' END AS password
  FROM pg_authid WHERE rolname !~ '^pg_' ORDER BY rolname`;

const HBA = `SELECT line_number AS line, type, database AS databases, user_name AS users,
  coalesce(address || coalesce('/' || masklen(netmask::inet), ''), '') AS address, auth_method AS method
  FROM pg_hba_file_rules WHERE error IS NULL ORDER BY line_number`;

const DATABASES = "SELECT datname AS name FROM pg_database WHERE datallowconn ORDER BY datname";

const DATABASE = `SELECT
  (SELECT coalesce(json_agg(privilege_type), '[]') FROM pg_namespace n, aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) a
     WHERE n.nspname = 'public' AND a.grantee = 0) AS "publicSchema",
  (SELECT coalesce(json_agg(privilege_type), '[]') FROM pg_database d, aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a
     WHERE d.datname = current_database() AND a.grantee = 0) AS "publicDatabase",
  (SELECT coalesce(json_agg(json_build_object('name', p.oid::regprocedure::text, 'owner', p.proowner::regrole::text) ORDER BY 1), '[]')
     FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
     WHERE p.prosecdef AND n.nspname NOT IN ('pg_catalog', 'information_schema')
       AND NOT EXISTS (SELECT FROM unnest(p.proconfig) c WHERE c LIKE 'search_path=%')
       AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')
  ) AS "definerFunctions"`;

const TLS = `SELECT current_setting('ssl') AS ssl, current_setting('ssl_cert_file') AS file, current_setting('data_directory') AS data`;

/** @throws Error when no member answers as primary; a replica that does not answer is in `unreachable`. */
export async function collectAudit(
  { spec, layouts }: Fleet,
  signal: AbortSignal,
): Promise<{ facts: AuditFacts; unreachable: string[] }> {
  const at = connections(spec, layouts);
  const targets = members(spec).map(({ name }) => ({
    name,
    target: {
      host: hostAt(at.get(name)!),
      port: PORTS.postgresql,
      binDirectory: layouts.get(name)!.programs.postgresBin,
    },
  }));
  const unreachable: string[] = [];
  const found: MemberFacts[] = [];
  let primary: SqlTarget | undefined;
  for (const { name, target } of targets) {
    try {
      if (!(await isInRecovery(target, signal))) primary = target;
      found.push(await memberFacts(name, target, signal));
    } catch (error) {
      signal.throwIfAborted();
      unreachable.push(`${name}: ${(error as Error).message.split("\n")[0]}`);
    }
  }
  if (!primary)
    throw new Error(
      `no primary answers, so roles and databases cannot be looked at: ${unreachable.join("; ") || "all members are replicas"}`,
    );
  for (const name of spec.tls ? (spec.pooler?.hosts ?? []) : []) {
    const certificate = await certificateOf(hostAt(at.get(name)!), "pgbouncer");
    if (certificate) found.push({ name, hba: [], certificates: [shown(certificate)] });
  }
  return { facts: { ...(await catalogFacts(primary, signal)), members: found }, unreachable };
}

/** Roles and databases, from the primary. */
export async function catalogFacts(
  primary: SqlTarget,
  signal: AbortSignal,
): Promise<Pick<AuditFacts, "roles" | "databases">> {
  const roles = await select<RoleFacts>(primary, ROLES, signal);
  const names = await select<{ name: string }>(primary, DATABASES, signal);
  const databases: DatabaseFacts[] = [];
  for (const { name } of names) {
    const [row] = await select<Omit<DatabaseFacts, "name">>({ ...primary, database: name }, DATABASE, signal);
    databases.push({ name, ...row! });
  }
  return { roles, databases };
}

/** pg_hba.conf as the server reads it, and its certificate. */
export async function memberFacts(name: string, target: SqlTarget, signal: AbortSignal): Promise<MemberFacts> {
  const hba = await select<MemberFacts["hba"][number]>(target, HBA, signal);
  const [tls] = await select<{ ssl: string; file: string; data: string }>(target, TLS, signal);
  if (tls?.ssl !== "on") return { name, hba, certificates: [] };
  const certificate = await readCertificate(target.host, path.resolve(tls.data, tls.file));
  return { name, hba, certificates: certificate ? [shown(certificate)] : [] };
}

const shown = ({ file, subject, notAfter }: CertificateFacts) => ({ file, subject, notAfter });
