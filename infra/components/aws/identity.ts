/** What machines may do in the account: be reached through Systems Manager, and for members use the backup bucket. */

import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";

export interface IdentityArgs {
  /** ARN of the bucket that members write backups to. */
  bucketArn: pulumi.Output<string>;
  /** Public key of who logs in. */
  publicKey: string;
  region: string;
}

const assumedByMachines = (region: string): string =>
  JSON.stringify({
    Version: "2012-10-17",
    Statement: [
      {
        Effect: "Allow",
        Principal: { Service: region.startsWith("cn-") ? "ec2.amazonaws.com.cn" : "ec2.amazonaws.com" },
        Action: "sts:AssumeRole",
      },
    ],
  });

/** China and GovCloud have partitions of their own. */
const partition = (region: string): string =>
  region.startsWith("cn-") ? "aws-cn" : region.startsWith("us-gov-") ? "aws-us-gov" : "aws";

export class Identity extends pulumi.ComponentResource {
  /** Name of the profile of members. */
  readonly memberProfile: pulumi.Output<string>;
  /** Name of the profile of all other hosts. */
  readonly hostProfile: pulumi.Output<string>;
  readonly keyName: pulumi.Output<string>;

  constructor(name: string, args: IdentityArgs, options?: pulumi.ComponentResourceOptions) {
    super("pgfleet:aws:Identity", name, {}, options);
    this.memberProfile = this.#profile(`${name}-member`, args, true);
    this.hostProfile = this.#profile(`${name}-host`, args, false);
    const key = new aws.ec2.KeyPair(name, { publicKey: args.publicKey }, { parent: this });
    this.keyName = key.keyName;
    this.registerOutputs();
  }

  #profile(name: string, { bucketArn, region }: IdentityArgs, backups: boolean): pulumi.Output<string> {
    const mine = { parent: this };
    const role = new aws.iam.Role(name, { assumeRolePolicy: assumedByMachines(region) }, mine);
    const reached = new aws.iam.RolePolicyAttachment(
      `${name}-ssm`,
      { role: role.name, policyArn: `arn:${partition(region)}:iam::aws:policy/AmazonSSMManagedInstanceCore` },
      mine,
    );
    const rights: pulumi.Resource[] = [reached];
    if (backups)
      rights.push(
        new aws.iam.RolePolicy(`${name}-backup`, { role: role.id, policy: bucketArn.apply(backupRights) }, mine),
      );
    const profile = new aws.iam.InstanceProfile(name, { role: role.name }, { ...mine, dependsOn: rights });
    return profile.name;
  }
}

const backupRights = (arn: string): string =>
  JSON.stringify({
    Version: "2012-10-17",
    Statement: [
      { Effect: "Allow", Action: ["s3:ListBucket", "s3:GetBucketLocation"], Resource: arn },
      { Effect: "Allow", Action: ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"], Resource: `${arn}/*` },
    ],
  });
