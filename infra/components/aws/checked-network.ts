/** What the cloud says about declared zones and subnets, before anything is made in them. */

import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import type { AwsSubnet } from "../../config/spec.ts";

/** The zones, once it is known that the account has them. */
export function checkedZones(
  subnets: readonly AwsSubnet[],
  region: string,
  parent: pulumi.Resource,
): pulumi.Output<string[]> {
  const wanted = [...new Set(subnets.map(({ zone }) => zone))];
  return pulumi.output(
    aws.getAvailabilityZones({ state: "available" }, { parent }).then(({ names }) => {
      const missing = wanted.filter((zone) => !names.includes(zone));
      if (missing.length > 0)
        throw new pulumi.RunError(
          `aws.network.subnets: there is no zone ${missing.join(", ")} in ${region} for this account. Zones are: ${names.join(", ")}.`,
        );
      return wanted;
    }),
  );
}

/** The id of a subnet that is there already, once the cloud says that it is what the stack file says. */
export function checkedSubnet(subnet: AwsSubnet, vpcId: string, parent: pulumi.Resource): pulumi.Output<string> {
  const { cidr, zone } = subnet;
  const id = subnet.id!;
  const look = async (): Promise<string> => {
    await found(aws.ec2.getVpc({ id: vpcId }, { parent }), `vpc: there is no ${vpcId} that this account can see`);
    const seen = await found(
      aws.ec2.getSubnet({ id }, { parent }),
      `subnets: there is no ${id} that this account can see`,
    );
    const wrong = [
      ...(seen.vpcId === vpcId ? [] : [`is in ${seen.vpcId}, declared is ${vpcId}`]),
      ...(seen.cidrBlock === cidr ? [] : [`has ${seen.cidrBlock}, declared is ${cidr}`]),
      ...(seen.availabilityZone === zone ? [] : [`is in zone ${seen.availabilityZone}, declared is ${zone}`]),
    ];
    if (wrong.length > 0)
      throw new pulumi.RunError(`aws.network.subnets: ${id} ${wrong.join("; it ")}. Correct the stack file.`);
    return id;
  };
  return pulumi.output(look());
}

async function found<T>(asked: Promise<T>, otherwise: string): Promise<T> {
  try {
    return await asked;
  } catch (error) {
    throw new pulumi.RunError(`aws.network.${otherwise}, in the region of aws.region: ${(error as Error).message}`);
  }
}
