/** Certificates in the files of servers, poolers and people: which files, and the settings that name them. */

import { type FleetSpec, members, type TlsSpec, tlsForClients, tlsVerified } from "../config/spec.ts";
import type { Line } from "./conf-lines.ts";
import { type HostInput, renderFile } from "./host-input.ts";
import { TLS_FILES, type TlsPart } from "./tls-files.ts";
import { type ComponentName, type PlannedFile, secretPlaceholder } from "./types.ts";
import { atLeast } from "./version.ts";

const MODES: Record<TlsPart, string> = { ca: "0640", certificate: "0640", key: "0600" };

/** Name of the secret that holds a part of a host's certificate: `db1.key`; `notAfter`: its end, in seconds since 1970. */
export const tlsSecret = (host: string, part: TlsPart | "notAfter"): string => `${host}.${part}`;

/** Files of a component; none without TLS. */
export function tlsFiles(
  input: HostInput,
  component: Extract<ComponentName, "postgresql" | "pgbouncer" | "client">,
  parts: readonly TlsPart[] = ["ca", "certificate", "key"],
): PlannedFile[] {
  const { tls } = input.spec;
  if (!tls) return [];
  const about = aboutParts(tls);
  return parts.map((part) =>
    renderFile(
      input,
      component,
      TLS_FILES[part],
      { mode: MODES[part], change: "reload" },
      { about: about[part], pem: secretPlaceholder(tlsSecret(input.host.name, part)) },
    ),
  );
}

/** What the config says of a part, so that a change of it is seen where files are compared. */
function aboutParts({ given, caTrusted, caVersion, renew, validDays }: TlsSpec): Record<TlsPart, string> {
  if (given)
    return {
      ca: `Given: secrets.${given.ca}.`,
      certificate: `Given: secrets.${given.certificate}.`,
      key: `Given: secrets.${given.key}.`,
    };
  const issued = `Authority ${caVersion}, ${validDays} days, issue ${renew}.`;
  return { ca: `Authorities of the cluster: ${caTrusted.join(", ")}.`, certificate: issued, key: issued };
}

/** Parameters of a server. @param folder of its files in force */
export function postgresqlTls({ tls }: FleetSpec, folder: string): Line[] {
  if (!tls) return [];
  return [
    ["ssl", "on", tls.required ? "pg_hba.conf lets nobody in without it" : "offered; pg_hba.conf does not ask for it"],
    ["ssl_cert_file", `${folder}/${TLS_FILES.certificate}`, "for this host's name and address; read again at a reload"],
    ["ssl_key_file", `${folder}/${TLS_FILES.key}`, "the server's own user alone can read it"],
    ["ssl_ca_file", `${folder}/${TLS_FILES.ca}`, "authorities of certificates that clients show"],
    ["ssl_min_protocol_version", "TLSv1.2", "nothing older"],
  ];
}

/**
 * PgBouncer before this version compares a certificate with the whole list of an entry that has several hosts, so that
 * with verify-full no replica could be connected to (pgbouncer issue 1300).
 */
const NAME_OF_EACH_HOST = "1.25";

/**
 * Settings of a PgBouncer.
 * @param folder of its files in force
 * @param version of PgBouncer
 */
export function pgbouncerTls(spec: FleetSpec, folder: string, version: string): { name: string; value: string }[] {
  if (!spec.tls) return [];
  const lists = members(spec).length > 2;
  const verified = lists && !atLeast(version, NAME_OF_EACH_HOST) ? "verify-ca" : "verify-full";
  const settings = {
    client_tls_sslmode: tlsForClients(spec) ? "require" : "prefer",
    client_tls_cert_file: `${folder}/${TLS_FILES.certificate}`,
    client_tls_key_file: `${folder}/${TLS_FILES.key}`,
    server_tls_sslmode: tlsVerified(spec) ? verified : "prefer",
    server_tls_ca_file: `${folder}/${TLS_FILES.ca}`,
  };
  return Object.entries(settings).map(([name, value]) => ({ name, value }));
}
