/** The servers of a cluster, what is in their catalog, and the rollout that puts their files in force, in order. */

import * as pulumi from "@pulumi/pulumi";
import { splitByDriver } from "../catalog.ts";
import { type FleetSpec, hostNamed, members, tlsVerified, upstreamOf } from "../config/spec.ts";
import { DatabaseObjects, PostgresInstance, Rollout } from "../pgfleet.ts";
import { slotName } from "../rendering/names.ts";
import { PORTS } from "../rendering/ports.ts";
import type { HostOwner, PausePolicy, PostgresInstanceInputs, RolloutInputs } from "../resources.ts";
import { CatalogResources } from "./catalog.ts";
import type { Credentials } from "./credentials.ts";
import type { Host } from "./host.ts";

export interface ClusterArgs {
  spec: FleetSpec;
  owner: HostOwner;
  hosts: Map<string, Host>;
  credentials: Credentials;
  /** Host → what its machine is, where the stack makes them. */
  machines?: Record<string, pulumi.Output<string>>;
}

export class Cluster extends pulumi.ComponentResource {
  readonly rollout: Rollout;

  constructor(name: string, args: ClusterArgs, options?: pulumi.ComponentResourceOptions) {
    super("pgfleet:components:Cluster", name, {}, options);
    const { spec, owner, hosts } = args;
    const places = members(spec).map((member) => {
      const host = hosts.get(member.name)!;
      const { layout, connection, reach } = host;
      return {
        name: member.name,
        protect: member.protect,
        host,
        connection,
        reach,
        port: PORTS.postgresql,
        dataDirectory: layout.data,
        binDirectory: layout.programs.postgresBin,
      };
    });
    const instances = places.map(
      (place) =>
        new PostgresInstance(
          place.name,
          {
            connection: place.reach,
            owner: { ...owner, member: place.name },
            version: spec.cluster.version,
            dataDirectory: place.dataDirectory,
            binDirectory: place.binDirectory,
            port: place.port,
            generation: place.host.generation("postgresql"),
            bootstrap: bootstrap(spec, place.name),
            peers: places
              .filter((p) => p !== place)
              .map(({ name, connection, dataDirectory }) => ({ name, connection, dataDirectory })),
            deleteData: false,
          },
          { parent: this, dependsOn: place.host.base, protect: place.protect },
        ),
    );
    const objects = this.#objects(name, args, places, instances);
    const poolers = (spec.pooler?.hosts ?? []).map((pooler) => {
      const host = hosts.get(pooler)!;
      return {
        name: pooler,
        connection: host.reach,
        port: spec.pooler!.port,
        generation: host.generation("pgbouncer"),
        repairs: host.repairs("pgbouncer"),
        program: host.layout.programs.pgbouncer,
        binDirectory: host.layout.programs.postgresBin,
      };
    });
    this.rollout = new Rollout(
      name,
      {
        cluster: spec.cluster.name,
        owner,
        version: spec.cluster.version,
        primary: spec.primary,
        restart: spec.cluster.restart,
        members: places.map(({ host, reach, protect, ...place }) => ({
          ...place,
          connection: reach,
          ...(protect ? { protect } : {}),
          generation: host.generation("postgresql"),
          repairs: host.repairs("postgresql"),
          slot: slotName(place.name),
          upstream: upstreamOf(spec, hostNamed(spec, place.name)),
          reclone: hostNamed(spec, place.name).reclone ?? "",
          settings: host.plan.settings,
        })),
        poolers,
        hosts: [...hosts.values()].map((host) => host.connection),
        ...(args.machines ? { machines: args.machines } : {}),
        gone: spec.gone,
        pause: pausePolicy(spec),
        cloneRateKb: spec.rollout.cloneRateKb ?? 0,
        ...tlsOf(spec),
      },
      {
        parent: this,
        dependsOn: [objects, ...[...hosts.values()].flatMap((host) => host.base)],
        // The first that `destroy` comes to: refused here, nothing of the cluster has been stopped yet.
        protect: spec.protect,
      },
    );
    this.registerOutputs();
  }

  #objects(
    name: string,
    { spec, credentials }: ClusterArgs,
    places: { name: string; connection: Host["connection"]; port: number; binDirectory: string }[],
    instances: PostgresInstance[],
  ): pulumi.Resource {
    const { host, provider } = splitByDriver(spec);
    const objects = new DatabaseObjects(
      name,
      {
        cluster: spec.cluster.name,
        members: places.map(({ name: member, connection, port, binDirectory }) => ({
          name: member,
          connection,
          port,
          binDirectory,
        })),
        roles: Object.fromEntries(
          Object.entries(host.roles).map(([role, declared]) => [
            role,
            { ...declared, credentialVersion: credentials.version(role) },
          ]),
        ),
        verifiers: credentials.verifiers(),
        databases: host.databases,
        monitors: host.monitors,
        removedRoles: host.removedRoles,
        elsewhere: provider ? [...Object.keys(provider.roles), ...Object.keys(provider.databases)] : [],
      },
      { parent: this, dependsOn: instances },
    );
    if (!provider) return objects;
    return new CatalogResources(
      name,
      { catalog: provider, verifiers: credentials.verifiers() },
      { parent: this, dependsOn: objects },
    );
  }
}

/** How long and how often clients are held back while a server changes. */
export const pausePolicy = ({ rollout: { limitSeconds, tries, terminate } }: FleetSpec): PausePolicy => ({
  limitSeconds,
  tries,
  terminate,
});

/** Whether the fleet's own connections have to be TLS; nothing without it. */
export const tlsOf = (spec: FleetSpec): Pick<RolloutInputs, "tls"> =>
  spec.tls ? { tls: tlsVerified(spec) ? "required" : "offered" } : {};

function bootstrap(spec: FleetSpec, member: string): PostgresInstanceInputs["bootstrap"] {
  return { kind: member === spec.primary ? "init" : "clone", ...spec.cluster.initdb };
}
