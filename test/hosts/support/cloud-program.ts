/** A small program of its own against the stand-in's cloud: instances with a volume each, as the fleet's has them. */

import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";

interface Host {
  type: string;
  address: string;
  /** Letter of the zone. */
  zone: string;
  sizeGib: number;
  /** Another text is another script. */
  note?: string;
}

const config = new pulumi.Config("cloud");
const cidr = config.require("cidr");
const hosts = config.requireObject<Record<string, Host>>("hosts");
const region = aws.getRegionOutput().region;
const net = cidr.split(".").slice(0, 2).join(".");

const vpc = new aws.ec2.Vpc("main", { cidrBlock: cidr });
const subnets = Object.fromEntries(
  [...new Set(Object.values(hosts).map(({ zone }) => zone))].map((zone) => [
    zone,
    new aws.ec2.Subnet(`subnet-${zone}`, {
      vpcId: vpc.id,
      availabilityZone: pulumi.interpolate`${region}${zone}`,
      cidrBlock: `${net}.${zone.charCodeAt(0) - 96}.0/24`,
    }),
  ]),
);
const group = new aws.ec2.SecurityGroup("members", { vpcId: vpc.id });
new aws.vpc.SecurityGroupIngressRule("members-postgresql", {
  securityGroupId: group.id,
  referencedSecurityGroupId: group.id,
  ipProtocol: "tcp",
  fromPort: 5432,
  toPort: 5432,
});
const role = new aws.iam.Role("host", {
  assumeRolePolicy: aws.iam.getPolicyDocumentOutput({
    statements: [
      { actions: ["sts:AssumeRole"], principals: [{ type: "Service", identifiers: ["ec2.amazonaws.com"] }] },
    ],
  }).json,
});
const profile = new aws.iam.InstanceProfile("host", { role: role.name });
const key = new aws.ec2.KeyPair("login", { publicKey: config.require("publicKey") });
const image = aws.ssm.getParameterOutput({ name: "/aws/service/debian/release/13/latest/amd64" }).value;

for (const [name, { type, address, zone, sizeGib, note = "" }] of Object.entries(hosts)) {
  const volume = new aws.ebs.Volume(
    name,
    { availabilityZone: subnets[zone]!.availabilityZone, size: sizeGib, type: "gp3", encrypted: true },
    { retainOnDelete: true },
  );
  const device = pulumi.interpolate`/dev/disk/by-id/nvme-Amazon_Elastic_Block_Store_${volume.id.apply((id) => id.replace("-", ""))}`;
  const instance = new aws.ec2.Instance(
    name,
    {
      ami: image,
      instanceType: type,
      subnetId: subnets[zone]!.id,
      privateIp: address,
      vpcSecurityGroupIds: [group.id],
      iamInstanceProfile: profile.name,
      keyName: key.keyName,
      userData: pulumi.interpolate`#!/bin/sh
# ${note}
set -eu
device=${device}
until [ -b "$device" ]; do sleep 0.2; done
blkid "$device" >/dev/null || mkfs.ext4 -q "$device"
mkdir -p /data
echo "$device /data ext4 defaults,nofail 0 2" >> /etc/fstab
mount /data
`,
      userDataReplaceOnChange: true,
      tags: { "pgfleet:stack": pulumi.getStack(), "pgfleet:host": name },
    },
    { deleteBeforeReplace: true, ignoreChanges: ["ami"] },
  );
  new aws.ec2.VolumeAttachment(
    name,
    { deviceName: "/dev/sdf", instanceId: instance.id, volumeId: volume.id, stopInstanceBeforeDetaching: true },
    { deleteBeforeReplace: true },
  );
}
