/** Security groups by what a host does, with the rules between them. */

import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import type { FleetSpec } from "../../config/spec.ts";
import { GROUPS, type Group, groupsOf, ingressRules, isGroup } from "../../platforms/aws/firewall.ts";

export interface FirewallArgs {
  spec: FleetSpec;
  vpcId: pulumi.Input<string>;
}

const EVERYWHERE = ["0.0.0.0/0", "::/0"] as const;
const source = (network: string) => (network.includes(":") ? { cidrIpv6: network } : { cidrIpv4: network });

export class Firewall extends pulumi.ComponentResource {
  readonly groups = new Map<Group, aws.ec2.SecurityGroup>();

  constructor(name: string, args: FirewallArgs, options?: pulumi.ComponentResourceOptions) {
    super("pgfleet:aws:Firewall", name, {}, options);
    const { spec, vpcId } = args;
    const used = new Set(spec.hosts.flatMap((host) => groupsOf(spec, host)));
    for (const group of GROUPS.filter((one) => used.has(one))) {
      const made = new aws.ec2.SecurityGroup(
        `${name}-${group}`,
        { vpcId, description: `${group} of fleet ${name}`, tags: { Name: `${name}-${group}` } },
        { parent: this },
      );
      this.groups.set(group, made);
      // Out: package sources, Systems Manager, the backup bucket, and each other.
      for (const network of EVERYWHERE)
        new aws.vpc.SecurityGroupEgressRule(
          `${name}-${group}-out-${network.includes(":") ? "ipv6" : "ipv4"}`,
          { securityGroupId: made.id, ipProtocol: "-1", ...source(network) },
          { parent: this },
        );
    }
    for (const { to, from, port, purpose } of ingressRules(spec)) {
      const into = this.groups.get(to);
      if (!into) continue;
      new aws.vpc.SecurityGroupIngressRule(
        `${name}-${to}-${port}-from-${from.replaceAll(/[^A-Za-z0-9]+/g, "-")}`,
        {
          securityGroupId: into.id,
          description: purpose,
          ipProtocol: "tcp",
          fromPort: port,
          toPort: port,
          ...(isGroup(from) ? { referencedSecurityGroupId: this.groups.get(from)!.id } : source(from)),
        },
        { parent: this },
      );
    }
    this.registerOutputs();
  }
}
