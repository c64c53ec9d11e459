/** What certificates say: when they end, whether they are due, and whether given ones fit a host. Pure. */

import { createPrivateKey, X509Certificate } from "node:crypto";

export const DAY_MS = 86_400_000;

/** Every certificate of a PEM text, in order. @throws Error when one cannot be read */
export function certificatesIn(pem: string): X509Certificate[] {
  return (pem.match(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g) ?? []).map(
    (one) => new X509Certificate(one),
  );
}

/** End of the first certificate of a PEM text, ISO 8601. */
export const endOf = (pem: string): string => new Date(certificatesIn(pem)[0]!.validTo).toISOString();

/** Whole days until then; negative when it has passed. */
export const daysUntil = (iso: string, now: Date): number => Math.floor((Date.parse(iso) - now.getTime()) / DAY_MS);

/** Less than a third of the certificate's life is left. */
export function renewalDue(pem: string, now: Date): boolean {
  const [certificate] = certificatesIn(pem);
  if (!certificate) return true;
  const [from, to] = [Date.parse(certificate.validFrom), Date.parse(certificate.validTo)];
  return to - now.getTime() < (to - from) / 3;
}

export interface GivenTls {
  /** PEM of the authority; several while one takes over from another. */
  ca: string;
  /** PEM of the certificate, authorities between it and `ca` behind it. */
  certificate: string;
  /** PEM, without a passphrase. */
  key: string;
}

export interface TlsProblem {
  part: keyof GivenTls;
  reason: string;
}

/** Everything that is wrong with given certificates for this host; never shows a key. */
export function givenProblems(
  given: GivenTls,
  host: { name: string; addresses: readonly string[] },
  now: Date,
): TlsProblem[] {
  const problems: TlsProblem[] = [];
  const add = (part: keyof GivenTls, reason: string): number => problems.push({ part, reason });
  const authorities = read(given.ca, "ca", add);
  const [own, ...between] = read(given.certificate, "certificate", add);
  for (const one of authorities) {
    if (!one.ca) add("ca", `${nameOf(one)} is no certificate authority (basicConstraints CA:TRUE is missing)`);
    checkTime(one, "ca", now, add);
  }
  if (!own) return problems;
  checkTime(own, "certificate", now, add);
  if (!own.checkHost(host.name, { subject: "never" }))
    add(
      "certificate",
      `is not for host ${host.name}: it names ${namesOf(own)}. Each member and pooler has to be in it`,
    );
  for (const address of host.addresses)
    if (!own.checkIP(address))
      add("certificate", `is not for address ${address} of host ${host.name}: it names ${namesOf(own)}`);
  if (authorities.length > 0 && !trusted(own, between, authorities))
    add(
      "certificate",
      `is signed by ${own.issuer.replaceAll("\n", ", ")}, which is not among the authorities given as ca (${authorities.map(nameOf).join("; ")})`,
    );
  try {
    if (!own.checkPrivateKey(createPrivateKey(given.key)))
      add("key", `is the key of another certificate than ${nameOf(own)}`);
  } catch {
    add("key", "cannot be read: it must be a private key as PEM, without a passphrase");
  }
  return problems;
}

function read(
  pem: string,
  part: keyof GivenTls,
  add: (part: keyof GivenTls, reason: string) => number,
): X509Certificate[] {
  try {
    const found = certificatesIn(pem);
    if (found.length === 0) add(part, "holds no certificate: it must be PEM, with a line -----BEGIN CERTIFICATE-----");
    return found;
  } catch {
    add(part, "holds a certificate that cannot be read; export it again as PEM");
    return [];
  }
}

function checkTime(
  one: X509Certificate,
  part: keyof GivenTls,
  now: Date,
  add: (part: keyof GivenTls, reason: string) => number,
): void {
  if (Date.parse(one.validTo) <= now.getTime())
    add(part, `${nameOf(one)} ended ${new Date(one.validTo).toISOString()}`);
  else if (Date.parse(one.validFrom) > now.getTime())
    add(part, `${nameOf(one)} is valid from ${new Date(one.validFrom).toISOString()} on, which is later than now`);
}

/** A chain of signatures from the certificate to an authority. */
function trusted(own: X509Certificate, between: X509Certificate[], authorities: X509Certificate[]): boolean {
  const signed = (one: X509Certificate, by: X509Certificate): boolean =>
    one.checkIssued(by) && one.verify(by.publicKey);
  if (authorities.some((authority) => signed(own, authority))) return true;
  return between.some(
    (next) =>
      signed(own, next) &&
      trusted(
        next,
        between.filter((b) => b !== next),
        authorities,
      ),
  );
}

const nameOf = (one: X509Certificate): string => (one.subject ?? "a certificate without a name").replaceAll("\n", ", ");
const namesOf = (one: X509Certificate): string => one.subjectAltName ?? "nobody (subjectAltName is missing)";
