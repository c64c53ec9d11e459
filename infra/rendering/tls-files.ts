/** Names of the files that hold certificates, and what connections between members say of them. */

import type { TlsSpec } from "../config/spec.ts";

/** Part of a certificate → its file. */
export const TLS_FILES = { ca: "root.crt", certificate: "server.crt", key: "server.key" } as const;
export type TlsPart = keyof typeof TLS_FILES;

/** What a replica's connection string says of TLS. @param folder that has root.crt */
export function replicationTls(tls: Pick<TlsSpec, "required"> | undefined, folder: string): Record<string, string> {
  if (!tls) return {};
  return tls.required ? { sslmode: "verify-full", sslrootcert: `${folder}/${TLS_FILES.ca}` } : { sslmode: "prefer" };
}
