/** Where backups go: versioned, encrypted, closed to the public, kept when the stack is destroyed. */

import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";

export interface BackupBucketArgs {
  /** How long a version that was replaced or deleted can be brought back, in days. */
  retentionDays: number;
  protect: boolean;
}

/** Parts of an upload that broke off are paid for until somebody removes them. */
const UNFINISHED_DAYS = 7;

export class BackupBucket extends pulumi.ComponentResource {
  readonly arn: pulumi.Output<string>;
  readonly bucket: pulumi.Output<string>;

  constructor(name: string, args: BackupBucketArgs, options?: pulumi.ComponentResourceOptions) {
    super("pgfleet:aws:BackupBucket", name, {}, options);
    const mine = { parent: this };
    const bucket = new aws.s3.Bucket(
      `${name}-backup`,
      { forceDestroy: false },
      { ...mine, protect: args.protect, retainOnDelete: true },
    );
    const of = { bucket: bucket.bucket };
    new aws.s3.BucketOwnershipControls(
      `${name}-backup`,
      { ...of, rule: { objectOwnership: "BucketOwnerEnforced" } },
      mine,
    );
    const closed = new aws.s3.BucketPublicAccessBlock(
      `${name}-backup`,
      { ...of, blockPublicAcls: true, blockPublicPolicy: true, ignorePublicAcls: true, restrictPublicBuckets: true },
      mine,
    );
    new aws.s3.BucketServerSideEncryptionConfiguration(
      `${name}-backup`,
      {
        ...of,
        rules: [{ bucketKeyEnabled: true, applyServerSideEncryptionByDefault: { sseAlgorithm: "aws:kms" } }],
      },
      mine,
    );
    const versioning = new aws.s3.BucketVersioning(
      `${name}-backup`,
      { ...of, versioningConfiguration: { status: "Enabled" } },
      mine,
    );
    new aws.s3.BucketLifecycleConfiguration(
      `${name}-backup`,
      {
        ...of,
        rules: [
          {
            id: "versions",
            status: "Enabled",
            filter: { prefix: "" },
            noncurrentVersionExpiration: { noncurrentDays: args.retentionDays },
            abortIncompleteMultipartUpload: { daysAfterInitiation: UNFINISHED_DAYS },
          },
        ],
      },
      { ...mine, dependsOn: versioning },
    );
    new aws.s3.BucketPolicy(
      `${name}-backup`,
      { ...of, policy: bucket.arn.apply(onlyOverTls) },
      { ...mine, dependsOn: closed },
    );
    this.arn = bucket.arn;
    this.bucket = bucket.bucket;
    this.registerOutputs();
  }
}

const onlyOverTls = (arn: string): string =>
  JSON.stringify({
    Version: "2012-10-17",
    Statement: [
      {
        Sid: "OnlyOverTls",
        Effect: "Deny",
        Principal: "*",
        Action: "s3:*",
        Resource: [arn, `${arn}/*`],
        Condition: { Bool: { "aws:SecureTransport": "false" } },
      },
    ],
  });
