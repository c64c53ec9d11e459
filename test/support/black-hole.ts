/** A way between two ends that loses packets in silence, as a firewall or a link with a smaller MTU does. */

import * as net from "node:net";

export interface BlackHole {
  port: number;
  /** From now on nothing comes through, and neither end is told. */
  swallow(): void;
  close(): void;
}

/** @param largestBytes what is larger is lost, and with it, as TCP keeps its order, everything behind it */
export async function blackHole(to: number, largestBytes = Number.POSITIVE_INFINITY): Promise<BlackHole> {
  const sockets = new Set<net.Socket>();
  let swallowing = false;
  const server = net.createServer((near) => {
    const far = net.connect(to, "127.0.0.1");
    for (const [from, into] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from);
      let lost = false;
      from.on("data", (data: Buffer) => {
        lost ||= data.length > largestBytes;
        if (!lost && !swallowing) into.write(data);
      });
      from.on("error", () => {});
      // Whoever hangs up is not heard of either, once packets are lost.
      from.on("close", () => {
        sockets.delete(from);
        if (!lost && !swallowing) into.destroy();
      });
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as net.AddressInfo).port,
    swallow: () => {
      swallowing = true;
    },
    close: () => {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}
