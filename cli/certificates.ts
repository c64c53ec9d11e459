/** Certificates in force on a host: public files, read where they are. */

import * as path from "node:path";
import { TLS_FILES } from "../infra/rendering/tls-files.ts";
import type { Host } from "../provider/host.ts";
import { certificatesIn } from "../provider/tls/inspect.ts";

export interface CertificateFacts {
  file: string;
  subject: string;
  /** ISO 8601. */
  notAfter: string;
  /** PEM. */
  pem: string;
}

/** The certificate that a component shows; undefined when it has none. */
export async function certificateOf(
  host: Host,
  component: "postgresql" | "pgbouncer",
): Promise<CertificateFacts | undefined> {
  return readCertificate(host, path.join(host.paths.current(component), TLS_FILES.certificate));
}

/** The first certificate of a file on the host. @throws Error when it cannot be read */
export async function readCertificate(host: Host, file: string): Promise<CertificateFacts | undefined> {
  const pem = (await host.transport.readFile(file))?.text;
  const [certificate] = certificatesIn(pem ?? "");
  if (!pem || !certificate) return undefined;
  const notAfter = new Date(certificate.validTo).toISOString();
  return { file, subject: (certificate.subject ?? "").replaceAll("\n", ", "), notAfter, pem };
}
