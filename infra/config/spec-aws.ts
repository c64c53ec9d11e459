/** What platform `aws` adds to FleetSpec: where its machines are, and what each of them is. */

export interface AwsSpec {
  /** E.g. "eu-central-1". */
  region: string;
  /** `made`: a VPC of the stack's own. `existing`: one that is there already, with its subnets. */
  network:
    | { kind: "made"; cidr: string; subnets: AwsSubnet[] }
    | { kind: "existing"; vpcId: string; subnets: AwsSubnet[] };
  /** `vendor`: the newest image of the distribution's maker when a host is made. */
  image: { kind: "vendor"; distribution: "debian" | "ubuntu"; release: string } | { kind: "ami"; id: string };
  /** OpenSSH public key that may log in on every host. */
  publicKey: string;
  /** Private DNS zone that the hosts have names in, e.g. "db.broxiva.internal". */
  dnsZone: string;
  /** On everything that is made. */
  tags: Record<string, string>;
  backupRetentionDays: number;
  /** How the primary gets another instance type: its role goes to a replica first, or it stops for it. */
  resizePrimary: "switchover" | "stop";
}

export interface AwsSubnet {
  /** Availability zone, e.g. "eu-central-1a". */
  zone: string;
  cidr: string;
  /** E.g. "subnet-0a1b2c3d4e5f60718"; network `existing`: always there. */
  id?: string;
}

export interface AwsHostSpec {
  /** E.g. "m7g.2xlarge". */
  instanceType: string;
  architecture: Architecture;
  /** Availability zone of its subnet. */
  zone: string;
  /** The subnet that has the host's address. */
  subnetCidr: string;
  /** Data volume, gp3; its size is the host's `diskMb`. */
  volume: { iops: number; throughputMbps: number };
  /** Each new value asks for a new machine, on which the data volume stays; "": never asked. */
  replace: string;
}

export type Architecture = "x86_64" | "arm64";
