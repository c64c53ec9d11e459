/** Makes X.509 certificates: EC P-256, signed with SHA-256, in this process: no key is in a file or another program. */

import { createPrivateKey, randomBytes, webcrypto } from "node:crypto";

export interface Issued {
  /** PEM without the final line break, so that a file's body adds its own. */
  certificate: string;
  /** PKCS #8, PEM without the final line break. */
  key: string;
}

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
const DAY_MS = 86_400_000;
export const AUTHORITY_DAYS = 3650;

/** Its 150 ms are spent only by who makes a certificate. */
async function library() {
  await import("reflect-metadata");
  const x509 = await import("@peculiar/x509");
  x509.cryptoProvider.set(webcrypto as typeof globalThis.crypto);
  return x509;
}

/**
 * A certificate authority that signs certificates of hosts and nothing else.
 * @param name its common name, at most 64 characters
 */
export async function makeAuthority(name: string): Promise<Issued> {
  const x509 = await library();
  const keys = await keyPair();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: commonName(name),
    keys,
    signingAlgorithm: ALGORITHM,
    ...identity(AUTHORITY_DAYS),
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { certificate: certificate.toString("pem"), key: await keyText(keys) };
}

export interface HostCertificate {
  /** Common name and DNS name. */
  host: string;
  /** IPv4 or IPv6 addresses. */
  addresses: readonly string[];
  days: number;
}

/** A server's certificate with a key of its own. @throws Error when the authority's certificate or key cannot be read */
export async function issueCertificate(authority: Issued, { host, addresses, days }: HostCertificate): Promise<Issued> {
  const x509 = await library();
  const { issuer, signingKey } = await signer(authority, x509);
  const keys = await keyPair();
  const certificate = await x509.X509CertificateGenerator.create({
    subject: commonName(host),
    issuer: issuer.subject,
    publicKey: keys.publicKey,
    signingKey,
    signingAlgorithm: ALGORITHM,
    ...identity(days),
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      await x509.AuthorityKeyIdentifierExtension.create(issuer.publicKey),
      new x509.SubjectAlternativeNameExtension([
        { type: "dns", value: host },
        ...addresses.map((value) => ({ type: "ip" as const, value })),
      ]),
    ],
  });
  return { certificate: certificate.toString("pem"), key: await keyText(keys) };
}

async function signer(authority: Issued, x509: Awaited<ReturnType<typeof library>>) {
  try {
    const der = createPrivateKey(authority.key).export({ type: "pkcs8", format: "der" });
    const signingKey = await webcrypto.subtle.importKey("pkcs8", der, ALGORITHM, false, ["sign"]);
    return { issuer: new x509.X509Certificate(authority.certificate), signingKey };
  } catch {
    // The library's own words could quote what it was given.
    throw new Error("the authority's certificate or key cannot be read, so it signs nothing");
  }
}

const keyPair = (): Promise<webcrypto.CryptoKeyPair> =>
  webcrypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);

async function keyText({ privateKey }: webcrypto.CryptoKeyPair): Promise<string> {
  const der = Buffer.from(await webcrypto.subtle.exportKey("pkcs8", privateKey));
  return (
    createPrivateKey({ key: der, type: "pkcs8", format: "der" }).export({ type: "pkcs8", format: "pem" }) as string
  ).trim();
}

/** RFC 5280: positive, at most 20 octets. */
const serialNumber = (): string => `00${randomBytes(16).toString("hex")}`;

function identity(days: number): { serialNumber: string; notBefore: Date; notAfter: Date } {
  const notBefore = new Date(Math.floor(Date.now() / 1000) * 1000);
  return { serialNumber: serialNumber(), notBefore, notAfter: new Date(notBefore.getTime() + days * DAY_MS) };
}

/** Names of hosts and clusters are small letters, digits, "-" and "_": nothing that a distinguished name would split at. */
const commonName = (name: string): string => `CN=${name.slice(0, 64)}`;
