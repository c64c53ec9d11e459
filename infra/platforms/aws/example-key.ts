/** The key in the stack file that this project ships: text and no point of the curve, so nobody has its other half. */

const TEXT = "replace this key by one of yours";

export const isExampleKey = (publicKey: string): boolean =>
  Buffer.from(publicKey.split(/\s+/)[1] ?? "", "base64")
    .toString("latin1")
    .endsWith(TEXT);
