/** How long the certificates of a host are good for. */

import { daysUntil, renewalDue } from "../../provider/tls/inspect.ts";
import { certificateOf } from "../certificates.ts";
import { firstLine, type Probe } from "./probe.ts";
import type { CertificateStatus } from "./types.ts";

/** Empty without TLS. */
export async function probeCertificates(probe: Probe, now = new Date()): Promise<CertificateStatus[]> {
  const { spec, plan, host, problems } = probe;
  if (!spec.tls) return [];
  const found: CertificateStatus[] = [];
  for (const component of ["postgresql", "pgbouncer"] as const) {
    if (!plan.components.some(({ name }) => name === component)) continue;
    try {
      const certificate = await certificateOf(host, component);
      // Before the first `up` with TLS there is none; that files differ is said elsewhere.
      if (!certificate) continue;
      const { notAfter, pem } = certificate;
      const daysLeft = daysUntil(notAfter, now);
      found.push({ component, notAfter, daysLeft });
      if (renewalDue(pem, now)) problems.add(due(component, daysLeft, notAfter, spec.tls.given !== undefined));
    } catch (error) {
      problems.add(`the certificate of ${component} cannot be read: ${firstLine(error)}`);
    }
  }
  return found;
}

function due(component: string, daysLeft: number, notAfter: string, given: boolean): string {
  const what = `the certificate of ${component} ${daysLeft < 0 ? "ended" : `ends in ${daysLeft} days,`} ${notAfter}`;
  return `${what}; ${given ? "give another one (tls.certificate)" : "the next `pulumi up` renews it"}`;
}
