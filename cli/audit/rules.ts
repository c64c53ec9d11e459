/** The rules of an audit: facts in, findings out. Pure. */

import { EXPORTER_ROLE, REPLICATION_ROLE, SUPERUSER } from "../../infra/rendering/names.ts";
import type { AuditFacts, Finding } from "./types.ts";

const OWN: ReadonlySet<string> = new Set([SUPERUSER, REPLICATION_ROLE, EXPORTER_ROLE]);
/** They come through the socket as an OS user, or get their password by another way than the catalog's. */
const NO_PASSWORD: ReadonlySet<string> = new Set([SUPERUSER, EXPORTER_ROLE]);
/** A certificate that ends within this is found. */
export const EXPIRY_DAYS = 30;
const DAY_MS = 86_400_000;
const WEAK: Record<string, string> = {
  trust: "lets anybody in who says that they are the role",
  password: "takes passwords readable on the wire",
  md5: "takes MD5 hashes",
  ident: "believes the client's machine",
};

type Rule = (facts: AuditFacts, now: Date) => Finding[];

/** Each rule by its name in the output. */
export const RULES: Record<string, Rule> = {
  superuser: ({ roles }) =>
    roles
      .filter((role) => role.superuser && role.name !== SUPERUSER)
      .map(({ name }) => ({
        rule: "superuser",
        where: name,
        what: `role ${name} is a superuser`,
        fix: `ALTER ROLE ${identifier(name)} NOSUPERUSER, and give it what it needs under roles`,
      })),
  "md5-verifier": ({ roles }) =>
    roles
      .filter(({ password }) => password === "md5" || password === "other")
      .map(({ name, password }) => ({
        rule: "md5-verifier",
        where: name,
        what: `role ${name} has ${password === "md5" ? "an MD5" : "no SCRAM"} verifier: whoever reads it can log in with it`,
        fix: "set its password again; password_encryption is scram-sha-256",
      })),
  "no-password": ({ roles }) =>
    roles
      .filter((role) => role.login && role.password === "none" && !NO_PASSWORD.has(role.name))
      .map(({ name }) => ({
        rule: "no-password",
        where: name,
        what: `role ${name} may log in and never had a password set`,
        fix: "declare it under roles, or ALTER ROLE … NOLOGIN",
      })),
  "no-connection-limit": ({ roles }) =>
    roles
      .filter((role) => role.login && role.connectionLimit < 0 && !OWN.has(role.name))
      .map(({ name }) => ({
        rule: "no-connection-limit",
        where: name,
        what: `role ${name} may take every connection there is`,
        fix: `roles.${name}.connectionLimit`,
      })),
  "weak-hba": ({ members }) =>
    members.flatMap((member) =>
      member.hba
        .filter(({ method }) => Object.hasOwn(WEAK, method))
        .map(({ line, type, databases, users, address, method }) => ({
          rule: "weak-hba",
          where: member.name,
          what: `pg_hba.conf:${line}: ${[type, databases.join(","), users.join(","), address, method].filter(Boolean).join(" ")}: ${WEAK[method]}`,
          fix: "method scram-sha-256 in the rule under hba",
        })),
    ),
  "open-hba": ({ members }) =>
    members.flatMap((member) =>
      member.hba
        .filter(({ type, address, method }) => type !== "local" && method !== "reject" && isEveryone(address))
        .map(({ line, users, address }) => ({
          rule: "open-hba",
          where: member.name,
          what: `pg_hba.conf:${line}: ${users.join(",")} may come from everywhere (${address})`,
          fix: "name the networks in the rule under hba",
        })),
    ),
  "definer-search-path": ({ databases }) =>
    databases.flatMap((database) =>
      database.definerFunctions.map(({ name, owner }) => ({
        rule: "definer-search-path",
        where: database.name,
        what: `${name} runs as ${owner} with the search_path of its caller, who decides what its names mean`,
        fix: `ALTER FUNCTION ${name} SET search_path = pg_catalog, pg_temp`,
      })),
    ),
  "public-schema": ({ databases }) =>
    databases
      .filter(({ publicSchema }) => publicSchema.includes("CREATE"))
      .map(({ name }) => ({
        rule: "public-schema",
        where: name,
        what: "every role may create objects in schema public",
        fix: "REVOKE CREATE ON SCHEMA public FROM PUBLIC",
      })),
  certificate: ({ members }, now) =>
    members.flatMap((member) =>
      member.certificates
        .map((one) => ({ ...one, days: Math.floor((Date.parse(one.notAfter) - now.getTime()) / DAY_MS) }))
        .filter(({ days }) => days < EXPIRY_DAYS)
        .map(({ file, subject, days, notAfter }) => ({
          rule: "certificate",
          where: member.name,
          what: `${file} (${subject}) ${days < 0 ? "ended" : "ends"} ${notAfter}`,
          fix: "pulumi up renews what the cluster's own authority signed; give another one under tls where it is given",
        })),
    ),
};

/** All findings, in the order of the rules. */
export const audit = (facts: AuditFacts, now: Date): Finding[] =>
  Object.values(RULES).flatMap((rule) => rule(facts, now));

const isEveryone = (address: string): boolean => address === "all" || /^(0\.0\.0\.0|::)(\/0)?$/.test(address);
const identifier = (name: string): string =>
  /^[a-z_][a-z0-9_]*$/.test(name) ? name : `"${name.replaceAll('"', '""')}"`;
