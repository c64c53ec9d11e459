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

/**
 * Characters that Unicode 3.2 does not know and that NFKC takes apart. The server looks for unknown characters before it
 * normalises, the library after; the server then takes the password as it is.
 */
const LATER =
  /[\u03F9\u10FC\u1D2C-\u1DBF\u2090-\u209C\u213B\u213C\u2150-\u2152\u2189\u2C7C\u2C7D\u2D6F\u321D\u321E\u3244-\u3247\u3250\u327C-\u327E\u32CC-\u32CF\u32FF\u3377-\u337A\u33DE\u33DF\u33FF\uA69C\uA69D\uA770\uA7F1-\uA7F4\uA7F8\uA7F9\uAB5C-\uAB5F\uAB69\uFA2E\uFA2F\uFA6B-\uFA6D\uFA70-\uFAD9\uFE10-\uFE19\uFE47\uFE48\u{10780}-\u{107BF}\u{1CCD6}-\u{1CCF9}\u{1D4C1}\u{1D6A4}\u{1D6A5}\u{1D7CA}\u{1D7CB}\u{1E030}-\u{1E06D}\u{1EE00}-\u{1EEFF}\u{1F100}-\u{1F2FF}\u{1FBF0}-\u{1FBF9}]/u;

// As the server does: SASLprep, and the raw password where that is not defined for it.
function normalise(password: string): string {
  if (LATER.test(password)) return password;
  try {
    return saslprep(password);
  } catch {
    return password;
  }
}
