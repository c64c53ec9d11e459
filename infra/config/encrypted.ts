/** Stands for a `{ secure: … }` value of a stack file. The cipher text is dropped; nothing here can decrypt it. */

const encrypted: unique symbol = Symbol("encrypted");

export interface Encrypted {
  readonly [encrypted]: true;
}

export const ENCRYPTED: Encrypted = Object.freeze({ [encrypted]: true } as const);

export function isEncrypted(value: unknown): value is Encrypted {
  return typeof value === "object" && value !== null && encrypted in value;
}
