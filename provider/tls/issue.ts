/**
 * Makes X.509 certificates: EC P-256, signed with SHA-256, by the `openssl` program of the machine that runs `up`.
 * Keys are made in this process. The only one that openssl needs, the signer's, goes through its standard input: no
 * key is ever in a file here, an argument or the environment.
 */

import { execFile } from "node:child_process";
import { createPublicKey, generateKeyPairSync } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import * as path from "node:path";

export interface Issued {
  /** PEM without the final line break, so that a file's body adds its own. */
  certificate: string;
  /** PKCS #8, PEM without the final line break. */
  key: string;
}

const TIMEOUT_MS = 30_000;
export const AUTHORITY_DAYS = 3650;

/**
 * A certificate authority that signs certificates of hosts and nothing else.
 * @param name its common name, at most 64 characters
 */
export async function makeAuthority(name: string, signal: AbortSignal): Promise<Issued> {
  const { key } = keyPair();
  const certificate = await openssl(
    ["-subj", subject(name), "-key", "/dev/stdin", "-days", String(AUTHORITY_DAYS)],
    [
      "basicConstraints=critical,CA:TRUE,pathlen:0",
      "keyUsage=critical,keyCertSign,cRLSign",
      "subjectKeyIdentifier=hash",
    ],
    {},
    key,
    signal,
  );
  return { certificate, key };
}

export interface HostCertificate {
  /** Common name and DNS name. */
  host: string;
  /** IPv4 or IPv6 addresses. */
  addresses: readonly string[];
  days: number;
}

/** A server's certificate with a key of its own. @throws Error with openssl's words */
export async function issueCertificate(
  authority: Issued,
  { host, addresses, days }: HostCertificate,
  signal: AbortSignal,
): Promise<Issued> {
  const { key, publicKey } = keyPair();
  const names = [`DNS:${host}`, ...addresses.map((address) => `IP:${address}`)];
  const certificate = await openssl(
    ["-subj", subject(host), "-CAkey", "/dev/stdin", "-days", String(days)],
    [
      "basicConstraints=critical,CA:FALSE",
      "keyUsage=critical,digitalSignature",
      "extendedKeyUsage=serverAuth",
      "subjectKeyIdentifier=hash",
      "authorityKeyIdentifier=keyid",
      `subjectAltName=${names.join(",")}`,
    ],
    { "-CA": authority.certificate, "-force_pubkey": publicKey },
    authority.key,
    signal,
  );
  return { certificate, key };
}

/** @param files option → public text that it names a file with */
async function openssl(
  options: string[],
  extensions: string[],
  files: Record<string, string>,
  signerKey: string,
  signal: AbortSignal,
): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), "pgfleet-tls-"));
  try {
    const argv = ["x509", "-new", "-sha256", ...options];
    for (const [option, text] of Object.entries({ ...files, "-extfile": extensions.join("\n") })) {
      const file = path.join(folder, option.slice(1));
      await writeFile(file, `${text}\n`, { mode: 0o600 });
      argv.push(option, file);
    }
    return (await run(argv, `${signerKey}\n`, signal)).trim();
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function run(argv: string[], stdin: string, signal: AbortSignal): Promise<string> {
  return new Promise((resolve, reject) => {
    // Node's standard input is a socket, which openssl cannot open as /dev/stdin; a pipe it can.
    const piped = ["-c", 'cat | openssl "$@"', "sh", ...argv];
    const child = execFile("sh", piped, { signal, timeout: TIMEOUT_MS }, (error, stdout, stderr) => {
      if (!error) return resolve(stdout);
      // The error's own message repeats the command.
      const said = stderr.trim().split("\n").slice(0, 3).join("; ");
      const missing = (error as { code?: unknown }).code === 127;
      reject(
        new Error(
          missing
            ? "certificates are made with the program openssl, 3.0 or later, which is not on this machine: install the package openssl, or give certificates (tls.mode: given)"
            : `openssl made no certificate: ${said || "it said nothing"} (openssl 3.0 or later is needed)`,
        ),
      );
    });
    child.stdin?.on("error", () => {});
    child.stdin?.end(stdin);
  });
}

function keyPair(): { key: string; publicKey: string } {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  return {
    key: (privateKey.export({ type: "pkcs8", format: "pem" }) as string).trim(),
    publicKey: (createPublicKey(privateKey).export({ type: "spki", format: "pem" }) as string).trim(),
  };
}

/** Names of hosts and clusters are small letters, digits, "-" and "_": nothing that openssl would split at. */
const subject = (name: string): string => `/CN=${name.slice(0, 64)}`;
