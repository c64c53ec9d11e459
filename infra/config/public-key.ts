/** OpenSSH public keys, by what is in them: a key that was cut off while it was copied is seen here, not at a login. */

const example = `the one line of a .pub file, e.g. "ssh-ed25519 AAAAC3… name".`;
const KINDS = ["ssh-ed25519", "ssh-rsa"];

/** What is wrong, or undefined. Never shows the value: it may be the private half. */
export function publicKeyProblem(text: string): string | undefined {
  if (/PRIVATE KEY|^PuTTY-User-Key-File/.test(text))
    return `is a private key, and whoever reads this file can now log in with it. Make a new pair (ssh-keygen -t ed25519), and write its public half here: ${example}`;
  const line = text.trim();
  if (line.includes("\n")) return `has several lines. Write one public key: ${example}`;
  if (/^-+BEGIN|^Comment:/.test(line))
    return `is not in the form of OpenSSH. Convert it (ssh-keygen -i -f FILE) to ${example}`;
  const [kind = "", body = ""] = line.split(/\s+/);
  if (/^(ecdsa-|sk-|ssh-dss$)/.test(kind))
    return `is of the kind ${kind}, which EC2 does not take. Use ${KINDS.join(" or ")}: ssh-keygen -t ed25519`;
  if (!KINDS.includes(kind)) return `is not a public key. It must be ${example}`;
  const fields = fieldsOf(body);
  if (fields === undefined || fields[0]?.toString() !== kind)
    return `is not a whole public key: what follows ${kind} is cut off or changed. Copy it again, as ${example}`;
  if (kind === "ssh-ed25519")
    return fields.length === 2 && fields[1]!.length === 32
      ? undefined
      : `is not a whole public key: an ed25519 key has 32 bytes. Copy it again, as ${example}`;
  const bits = fields.length === 3 ? bitsOf(fields[2]!) : 0;
  return bits >= 2048
    ? undefined
    : `is an RSA key of ${bits} bits; at least 2048 are needed. Better: ssh-keygen -t ed25519`;
}

/** Fields of the wire form (RFC 4253): each a length of 4 bytes and its bytes, to the end. */
function fieldsOf(base64: string): Buffer[] | undefined {
  if (!/^[A-Za-z0-9+/]+=*$/.test(base64)) return undefined;
  const bytes = Buffer.from(base64, "base64");
  const fields: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    if (at + 4 > bytes.length) return undefined;
    const end = at + 4 + bytes.readUInt32BE(at);
    if (end > bytes.length) return undefined;
    fields.push(bytes.subarray(at + 4, end));
    at = end;
  }
  return fields;
}

/** Length of a positive integer; a leading zero byte only keeps it positive. */
const bitsOf = (integer: Buffer): number => {
  const digits = integer.toString("hex").replace(/^0+/, "");
  return digits === "" ? 0 : (digits.length - 1) * 4 + Number.parseInt(digits[0]!, 16).toString(2).length;
};
