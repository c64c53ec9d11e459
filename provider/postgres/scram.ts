/** SCRAM-SHA-256 verifiers as PostgreSQL stores them, so that a clear-text password never travels to a server. */

import { createHash, createHmac, pbkdf2Sync, randomBytes, timingSafeEqual } from "node:crypto";
import { saslprep } from "@mongodb-js/saslprep";

/** PostgreSQL's scram_iterations default. */
const ITERATIONS = 4096;

/**
 * `SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>` (RFC 5803, src/common/scram-common.c).
 * A new salt each time: keep the result, do not compute it again.
 */
export function scramVerifier(password: string, salt: Buffer = randomBytes(16), iterations = ITERATIONS): string {
  const salted = pbkdf2Sync(normalise(password), salt, iterations, 32, "sha256");
  const clientKey = createHmac("sha256", salted).update("Client Key").digest();
  const storedKey = createHash("sha256").update(clientKey).digest("base64");
  const serverKey = createHmac("sha256", salted).update("Server Key").digest("base64");
  return `SCRAM-SHA-256$${iterations}:${salt.toString("base64")}$${storedKey}:${serverKey}`;
}

/** True when the verifier was made from this password. */
export function verifies(verifier: string, password: string): boolean {
  const match = /^SCRAM-SHA-256\$(\d+):([^$]+)\$/.exec(verifier);
  if (!match) return false;
  const again = scramVerifier(password, Buffer.from(match[2]!, "base64"), Number(match[1]));
  return again.length === verifier.length && timingSafeEqual(Buffer.from(again), Buffer.from(verifier));
}

/** 32 characters of [A-Za-z0-9_-]: 192 bits, and nothing a URL, a passfile or an ini file would need to escape. */
export function generatePassword(): string {
  return randomBytes(24).toString("base64url");
}

// As the server does: SASLprep, and the raw password where that is not defined for it.
function normalise(password: string): string {
  try {
    return saslprep(password);
  } catch {
    return password;
  }
}
