/** Connections that come from an address of this machine's choosing. */

import { Socket } from "node:net";

/** A socket that comes from one address of this machine. */
export class From extends Socket {
  readonly #localAddress: string;
  constructor(localAddress: string) {
    super();
    this.#localAddress = localAddress;
  }
  override connect(...given: unknown[]): this {
    const [port, address] = given as [number, string];
    return super.connect({ port, host: address, localAddress: this.#localAddress });
  }
}
