import type { RawConfig } from "../../../infra/config/load.ts";
import type { Case } from "../support.ts";

export const PUBLIC_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHJlcGxhY2UgdGhpcyBrZXkgYnkgb25lIG9mIHlvdXJz fleet";

export const SUBNETS = [
  { zone: "eu-central-1a", cidr: "10.20.1.0/24" },
  { zone: "eu-central-1b", cidr: "10.20.2.0/24" },
];

export const AWS_HOSTS = {
  db1: { role: "primary", address: "10.20.1.11" },
  db2: { role: "replica", address: "10.20.2.11" },
};

/** A small valid config on platform aws, with changes laid over its block `aws` and over the whole. */
export function awsConfig(aws: Record<string, unknown> = {}, changes: RawConfig = {}): RawConfig {
  const block = {
    region: "eu-central-1",
    network: { cidr: "10.20.0.0/16", subnets: SUBNETS },
    publicKey: PUBLIC_KEY,
    ...aws,
  };
  const hosts = AWS_HOSTS;
  return { platform: "aws", memory: undefined, cpus: undefined, size: "m7g.large", aws: block, hosts, ...changes };
}

const hostNamed = (name: string): RawConfig =>
  awsConfig({}, { hosts: { ...AWS_HOSTS, [name]: { role: "replica", address: "10.20.1.12" } } });
const network = (changes: Record<string, unknown>): RawConfig =>
  awsConfig({ network: { cidr: "10.20.0.0/16", subnets: SUBNETS, ...changes } });
const subnets = (...list: object[]): RawConfig => network({ subnets: list });
const existing = (...ids: (string | undefined)[]): RawConfig =>
  network({
    cidr: undefined,
    vpc: "vpc-0a1b2c3d4e5f60718",
    subnets: SUBNETS.map((one, i) => ({ ...one, id: ids[i] })),
  });
const db1 = (changes: object): RawConfig =>
  awsConfig({}, { hosts: { ...AWS_HOSTS, db1: { ...AWS_HOSTS.db1, ...changes } } });
const db2 = (changes: object): RawConfig =>
  awsConfig({}, { hosts: { ...AWS_HOSTS, db2: { ...AWS_HOSTS.db2, ...changes } } });
const elsewhere = (changes: object): RawConfig => ({
  hosts: { db1: { role: "primary", address: "127.0.10.1", ...changes } },
});
const SECRET_KEY = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAA\n-----END OPENSSH PRIVATE KEY-----\n";
const onlyAws = /^is for platform aws, and the platform is local\. Remove it, or write postgres-fleet:platform: aws\.$/;

export const awsCases: Case[] = [
  [
    "no block aws",
    awsConfig({}, { aws: undefined }),
    "aws",
    "the platform is aws",
    "region: eu-central-1",
    "publicKey",
  ],
  [
    "no room for the NAT gateway",
    network({
      cidr: "10.20.0.0/22",
      subnets: ["10.20.0.0/23", "10.20.2.0/23"].map((cidr, i) => ({ zone: SUBNETS[i]!.zone, cidr })),
    }),
    "aws.network.cidr",
    "10.20.0.0/22 is taken up by the subnets",
    "a /28 of its own",
  ],
  ["a host with the name of a role", hostNamed("replica1"), "hosts.replica1", "keeps for whoever has that role now"],
  ["the block aws elsewhere", { aws: awsConfig().aws }, "aws", onlyAws],
  ["size elsewhere", { size: "m7g.large" }, "size", onlyAws],
  ["size of a host elsewhere", elsewhere({ size: "m7g.large" }), "hosts.db1.size", onlyAws],
  ["volume elsewhere", elsewhere({ volume: { iops: 4000 } }), "hosts.db1.volume", onlyAws],
  ["replace elsewhere", elsewhere({ replace: 1 }), "hosts.db1.replace", onlyAws],
  ["region at the top", awsConfig({}, { region: "eu-central-1" }), "region", "write it as aws.region"],

  ["no region", awsConfig({ region: undefined }), "aws.region", "is missing", "eu-central-1"],
  [
    "a zone as region",
    awsConfig({ region: "eu-central-1a" }),
    "aws.region",
    "is an availability zone",
    '"eu-central-1"',
  ],
  ["a region's name", awsConfig({ region: "Frankfurt" }), "aws.region", "is not an AWS region", "eu-central-1"],
  [
    "a zone of another region",
    subnets(SUBNETS[0]!, { zone: "eu-west-1b", cidr: "10.20.2.0/24" }),
    "aws.network.subnets[1].zone",
    '"eu-west-1b" is not an availability zone of the region eu-central-1',
    'e.g. "eu-central-1a"',
  ],
  [
    "the id of a zone",
    subnets(SUBNETS[0]!, { zone: "euc1-az2", cidr: "10.20.2.0/24" }),
    "aws.network.subnets[1].zone",
    "is the id of a zone",
  ],
  [
    "a zone's letter",
    subnets(SUBNETS[0]!, { zone: "b", cidr: "10.20.2.0/24" }),
    "aws.network.subnets[1].zone",
    'Write the whole name: "eu-central-1b"',
  ],

  ["cidr and vpc", network({ vpc: "vpc-0a1b2c3d" }), "aws.network", "has cidr and vpc", "Remove one"],
  ["neither cidr nor vpc", network({ cidr: undefined }), "aws.network", "neither cidr nor vpc", "vpc: vpc-…"],
  ["a VPC's name", network({ cidr: undefined, vpc: "main" }), "aws.network.vpc", '"main" is not the id of a VPC'],
  ["a VPC that is too large", network({ cidr: "10.0.0.0/8" }), "aws.network.cidr", "16777216 addresses", "/16 to /28"],
  ["a VPC of IPv6", network({ cidr: "fd00::/64" }), "aws.network.cidr", "is an IPv6 network", "/16 to /28"],
  ["a VPC that is no network", network({ cidr: "10.20.0.1/16" }), "aws.network.cidr", 'write "10.20.0.0/16"'],
  ["no subnets", subnets(), "aws.network.subnets", "is empty"],
  [
    "a subnet outside the VPC",
    subnets(...SUBNETS, { zone: "eu-central-1c", cidr: "10.21.3.0/24" }),
    "aws.network.subnets[2].cidr",
    "10.21.3.0/24 is not inside 10.20.0.0/16",
    "10.20.0.0 to 10.20.255.255",
  ],
  [
    "subnets that overlap",
    subnets(...SUBNETS, { zone: "eu-central-1c", cidr: "10.20.2.128/25" }),
    "aws.network.subnets[2].cidr",
    "10.20.2.128/25 (eu-central-1c) has addresses of 10.20.2.0/24 (eu-central-1b) too",
  ],
  [
    "a subnet that is too small",
    subnets(...SUBNETS, { zone: "eu-central-1c", cidr: "10.20.3.0/29" }),
    "aws.network.subnets[2].cidr",
    "has 8 addresses",
    "/16 to /28",
  ],
  [
    "no id with vpc",
    existing("subnet-0a1b2c3d"),
    "aws.network.subnets[1].id",
    "vpc-0a1b2c3d4e5f60718 is there already",
  ],
  [
    "the same id twice",
    existing("subnet-0a1b2c3d", "subnet-0a1b2c3d"),
    "aws.network.subnets[1].id",
    "is the id of another subnet",
  ],
  [
    "an id that is none",
    existing("subnet-0a1b2c3d", "subnet-2"),
    "aws.network.subnets[1].id",
    '"subnet-2" is not the id',
  ],
  [
    "an id where the VPC is made",
    subnets({ ...SUBNETS[0], id: "subnet-0a1b2c3d" }, SUBNETS[1]!),
    "aws.network.subnets[0].id",
    "the VPC is made here",
  ],

  [
    "an address in no subnet",
    db2({ address: "10.20.9.11" }),
    "hosts.db2.address",
    "10.20.9.11 is in none of the subnets: 10.20.1.0/24 (eu-central-1a), 10.20.2.0/24 (eu-central-1b)",
  ],
  ["the network's address", db2({ address: "10.20.2.0" }), "hosts.db2.address", "one of the five that AWS keeps"],
  ["the fourth address", db2({ address: "10.20.2.3" }), "hosts.db2.address", "from 10.20.2.4 to 10.20.2.254"],
  ["the last address", db2({ address: "10.20.2.255" }), "hosts.db2.address", "from 10.20.2.4 to 10.20.2.254"],
  [
    "all members in one zone",
    db2({ address: "10.20.1.12" }),
    "hosts",
    "has all members (db1, db2) in eu-central-1a",
    "Give db2 an address of another zone's subnet: 10.20.2.0/24 (eu-central-1b)",
  ],

  [
    "no size",
    awsConfig({}, { size: undefined }),
    "size",
    "is missing for db1, db2. Write postgres-fleet:size: m7g.2xlarge for all hosts, or size at each of them",
  ],
  [
    "an unknown size",
    db1({ size: "m7g.lrage" }),
    "hosts.db1.size",
    '"m7g.lrage" is not in the project\'s table',
    'Did you mean "m7g.large"?',
    "Sizes of m7g: medium, large, xlarge",
    "give memory and cpus at the host: hosts.db1",
  ],
  [
    "an unknown size for all",
    awsConfig({}, { size: "m9q.large", memory: "8GB", cpus: 2 }),
    "size",
    "give memory and cpus at the host: each of db1, db2",
  ],
  ["an unknown size with memory alone", db1({ size: "m9g.large", memory: "8GB" }), "hosts.db1.size", "memory and cpus"],
  ["a class of RDS", db1({ size: "db.m7g.large" }), "hosts.db1.size", 'the EC2 instance type is "m7g.large"'],
  ["half a size", db1({ size: "large" }), "hosts.db1.size", "a family and a size with a dot between"],
  ["more memory than the machine", db1({ memory: "16GB" }), "hosts.db1.memory", "is 16GB, but m7g.large has 8GB"],
  ["more cpus than the machine", db1({ cpus: 4 }), "hosts.db1.cpus", "is 4, but m7g.large has 2"],
  [
    "processors of two kinds",
    db2({ size: "m7i.large" }),
    "hosts",
    "x86_64 are db2 (m7i.large); arm64 are db1 (m7g.large)",
    "Choose sizes of one kind",
  ],

  ["iops too small", awsConfig({ volume: { iops: 100 } }), "aws.volume.iops", "from 3000 to 16000"],
  ["iops too large", db1({ volume: { iops: 20000 } }), "hosts.db1.volume.iops", "from 3000 to 16000"],
  [
    "iops of a small disk",
    db1({ volume: { iops: 6000 } }),
    "hosts.db1.volume.iops",
    "is 6000, but the disk of db1 has 10GB, for which at most 5000 are possible",
  ],
  ["iops of small disks", awsConfig({ volume: { iops: 6000 } }), "aws.volume.iops", "is 6000"],
  ["throughput too small", awsConfig({ volume: { throughput: "100MB" } }), "aws.volume.throughput", "125MB to 1000MB"],
  ["throughput too large", db1({ volume: { throughput: "2GB" } }), "hosts.db1.volume.throughput", "125MB to 1000MB"],
  ["throughput in pieces", awsConfig({ volume: { throughput: "200.5MB" } }), "aws.volume.throughput", "whole MB"],
  ["throughput without a unit", awsConfig({ volume: { throughput: 250 } }), "aws.volume.throughput", '"250MB"'],
  [
    "throughput over its iops",
    awsConfig({ volume: { throughput: "800MB" } }),
    "aws.volume.throughput",
    "is 800MB, but 3000 iops of db1 allow at most 750MB. Write less, or iops: 3200.",
  ],
  ["half a GB of disk", db1({ disk: "10752MB" }), "hosts.db1.disk", "EBS has whole GB. Write 11GB"],
  ["a disk that is too large", awsConfig({}, { disk: "20TB" }), "disk", "is 20TB, but a volume has at most 16TB"],
  ["a disk that is too small", awsConfig({}, { disk: "10MB" }), "disk", "needs 1GB"],
  ["other storage", awsConfig({}, { storage: "nvme" }), "storage", "is nvme, but data volumes on aws are gp3"],
  ["other storage at a host", db1({ storage: "hdd" }), "hosts.db1.storage", "is hdd"],

  ["everyone as application", awsConfig({}, { allowedNetworks: ["0.0.0.0/0"] }), "allowedNetworks[0]", "is everyone"],
  ["everyone as administrator", awsConfig({}, { adminNetworks: ["0.0.0.0/0"] }), "adminNetworks[0]", "is everyone"],
  ["no public key", awsConfig({ publicKey: undefined }), "aws.publicKey", "is missing", "an OpenSSH public key"],
  ["a private key", awsConfig({ publicKey: SECRET_KEY }), "aws.publicKey", "is a private key", /^(?!.*b3BlbnNz)/s],
  ["a key cut off", awsConfig({ publicKey: PUBLIC_KEY.slice(0, 60) }), "aws.publicKey", "is not a whole public key"],
  ["a key of ECDSA", awsConfig({ publicKey: "ecdsa-sha2-nistp256 AAAA" }), "aws.publicKey", "which EC2 does not take"],
  ["a file's name", awsConfig({ publicKey: "~/.ssh/id_ed25519.pub" }), "aws.publicKey", "the one line of a .pub file"],
  [
    "an image without the version",
    awsConfig({ image: "debian-12" }),
    "aws.image",
    "debian-12 has PostgreSQL 15, and the version is 17. Write postgres-fleet:packageSource: pgdg, which has it, or image: debian-13, or give an image of your own",
  ],
  [
    "a version without an image",
    awsConfig({}, { version: 18 }),
    "aws.image",
    "Write postgres-fleet:packageSource: pgdg, which has it; none of debian-13, debian-12, ubuntu-24.04, ubuntu-22.04 has",
    "image: ami-…",
    "or write version: 17",
  ],
  ["an unknown image", awsConfig({ image: "debian-31" }), "aws.image", 'Did you mean "debian-13"?', "ami-…"],
  ["an image's id cut off", awsConfig({ image: "ami-0a1b2c" }), "aws.image", "is not the id of an image"],
  ["an own image and no user", awsConfig({ image: "ami-0a1b2c3d" }), "ssh.user", "ami-0a1b2c3d is one of your own"],
  [
    "a zone without a dot",
    awsConfig({ dnsZone: "db" }),
    "aws.dnsZone",
    '"db" is not a DNS zone',
    "db.broxiva.internal",
  ],
  ["a zone with a dot behind", awsConfig({ dnsZone: "db.x.internal." }), "aws.dnsZone", "none at the end"],
  ["a tag of AWS", awsConfig({ tags: { "aws:team": "x" } }), 'aws.tags["aws:team"]', "AWS keeps for itself"],
  ["a tag with a comma", awsConfig({ tags: { team: "a,b" } }), "aws.tags.team", "not the value of a tag"],
  ["a tag that is a number", awsConfig({ tags: { cost: 42 } }), "aws.tags.cost", "is 42", "a number stands in quotes"],
  [
    "az for zone",
    subnets(...SUBNETS, { az: "x", zone: "eu-central-1c", cidr: "10.20.3.0/24" }),
    "aws.network.subnets[2].az",
    'Did you mean "zone"?',
  ],
  ["vpcId for vpc", network({ vpcId: "vpc-0a1b2c3d" }), "aws.network.vpcId", 'Did you mean "vpc"?'],
  ["half a day of backups", awsConfig({ backupRetention: "36h" }), "aws.backupRetention", "whole days"],
  ["a resize that is none", awsConfig({ resizePrimary: "failover" }), "aws.resizePrimary", 'Write "switchover"'],
  ["replace as a list", db1({ replace: [1] }), "hosts.db1.replace", "a list"],
];
