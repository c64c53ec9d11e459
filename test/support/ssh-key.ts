/** Key pairs for logging in, made where a test needs one. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";

/** Makes `file` and `file`.pub. @returns the public key's line */
export function makeSshKey(file: string): string {
  execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", "test", "-f", file]);
  return readFileSync(`${file}.pub`, "utf8").trim();
}
