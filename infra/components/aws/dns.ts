/** A private zone: a name for each host, and names that follow the roles. */

import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import { type FleetSpec, members } from "../../config/spec.ts";
import type { RolloutOutputs } from "../../resources.ts";

export interface DnsArgs {
  spec: FleetSpec;
  vpcId: pulumi.Input<string>;
  /** Who has which role now; a record follows once the rollout is done. */
  observed: pulumi.Output<RolloutOutputs["observed"]>;
}

/** Hosts keep their address for life. */
const HOST_TTL_SECONDS = 300;
/** After a switchover clients that ask again find the new primary. */
const ROLE_TTL_SECONDS = 10;

export class Dns extends pulumi.ComponentResource {
  constructor(name: string, args: DnsArgs, options?: pulumi.ComponentResourceOptions) {
    super("pgfleet:aws:Dns", name, {}, options);
    const { spec, observed } = args;
    const zoneName = spec.aws!.dnsZone;
    const zone = new aws.route53.Zone(
      name,
      { name: zoneName, comment: `fleet ${name}`, vpcs: [{ vpcId: args.vpcId }] },
      { parent: this },
    );
    const record = (label: string, records: pulumi.Input<pulumi.Input<string>[]>, ttl: number): void => {
      new aws.route53.Record(
        `${name}-${label}`,
        { zoneId: zone.zoneId, name: `${label}.${zoneName}`, type: "A", ttl, records },
        { parent: this },
      );
    };
    for (const host of spec.hosts) record(host.name, [host.address], HOST_TTL_SECONDS);

    const addresses = new Map(spec.hosts.map((host) => [host.name, host.address]));
    const declared = members(spec).map((member) => member.name);
    const primary = observed.apply((seen) => primaryOf(seen, declared) ?? spec.primary);
    record("primary", [primary.apply((member) => addresses.get(member)!)], ROLE_TTL_SECONDS);
    for (let i = 0; i < declared.length - 1; i++)
      record(
        `replica${i + 1}`,
        [primary.apply((one) => addresses.get(declared.filter((member) => member !== one)[i]!)!)],
        ROLE_TTL_SECONDS,
      );
    const poolers = spec.pooler?.hosts ?? [];
    if (poolers.length > 0)
      record(
        "pooler",
        poolers.map((pooler) => addresses.get(pooler)!),
        HOST_TTL_SECONDS,
      );
    this.registerOutputs();
  }
}

const primaryOf = (seen: RolloutOutputs["observed"] | undefined, declared: string[]): string | undefined =>
  declared.find((member) => seen?.[member]?.role === "primary");
