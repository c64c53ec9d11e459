/** One host as the resources see it: where things are, how to act on it, and its service manager. */

import * as path from "node:path";
import type { Connection } from "../infra/resources.ts";
import type { ServiceManager } from "./services/service-manager.ts";
import { Supervisor } from "./services/supervisor.ts";
import { Systemd } from "./services/systemd.ts";
import { LocalTransport } from "./transports/local.ts";
import { SshTransport } from "./transports/ssh.ts";
import type { Transport } from "./transports/transport.ts";

export interface Host {
  readonly name: string;
  readonly connection: Connection;
  readonly transport: Transport;
  readonly services: ServiceManager;
  readonly paths: HostPaths;
}

/** The provider's half of HostLayout (infra/rendering/types.ts): the same tree, from the connection alone. */
export interface HostPaths {
  home: string;
  /** Staged generations: `gen/<component>/<hash>`. */
  generation(component: string, hash: string): string;
  generations(component: string): string;
  /** `current/<component>`: a link to the generation in force. */
  current(component: string): string;
  data: string;
  log: string;
  rollout: string;
  owner: string;
  registry: string;
  lock: string;
}

export function hostAt(connection: Connection): Host {
  const home = connection.home;
  const { transport, services } = reach(connection);
  return {
    name: connection.host,
    connection,
    transport,
    services,
    paths: {
      home,
      generations: (component) => path.join(home, "gen", component),
      generation: (component, hash) => path.join(home, "gen", component, hash),
      current: (component) => path.join(home, "current", component),
      data: path.join(home, "data"),
      log: path.join(home, "log"),
      rollout: path.join(home, "rollout"),
      owner: path.join(home, "owner.json"),
      registry: path.join(home, "registry.json"),
      lock: path.join(home, "lock.json"),
    },
  };
}

function reach(connection: Connection): Pick<Host, "transport" | "services"> {
  switch (connection.platform) {
    case "local": {
      const transport = new LocalTransport(connection.host);
      const socket = path.join(connection.run, "supervisor.sock");
      return { transport, services: new Supervisor(socket, transport, path.join(connection.home, "log")) };
    }
    case "ssh": {
      const transport = new SshTransport(connection);
      const current = path.join(connection.home, "current");
      return { transport, services: new Systemd(transport, connection.unitPrefix, current) };
    }
    default:
      return connection satisfies never;
  }
}

/** Points `current/<component>` at a staged generation. */
export async function activate(host: Host, component: string, hash: string): Promise<void> {
  const target = host.paths.generation(component, hash);
  if (!(await host.transport.exists(target))) {
    throw new Error(`generation ${hash} of ${component} is not staged on ${host.name} (looked for ${target})`);
  }
  await host.transport.link(path.join("..", "gen", component, hash), host.paths.current(component));
}

/** Hash of the generation in force; "" when there is none. */
export async function activeGeneration(host: Host, component: string): Promise<string> {
  const target = await host.transport.readLink(host.paths.current(component));
  return target ? path.basename(target) : "";
}

/** Ends a component on this host: its link goes, its staged generations stay until the next clean-up. */
export async function deactivate(host: Host, component: string): Promise<void> {
  await host.transport.remove(host.paths.current(component));
}
