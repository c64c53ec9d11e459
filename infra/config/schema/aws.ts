/** Platform aws: where machines are made and what they have in common; at a host, what kind of machine it is. */

import { z } from "zod";
import {
  dnsZoneProblem,
  imageProblem,
  instanceTypeProblem,
  regionProblem,
  resourceIdProblem,
  tagNameProblem,
  tagValueProblem,
  VENDOR_IMAGES,
} from "../names-aws.ts";
import { networkProblem } from "../network.ts";
import { publicKeyProblem } from "../public-key.ts";
import { integer, key, quantity, text } from "./key.ts";

export const DEFAULT_VOLUME = { iops: 3000, throughputMbps: 125 } as const;

const instanceType = () => text(instanceTypeProblem, "^[a-z][a-z0-9-]*\\.[a-z0-9-]+$").optional();
const sizeShape = "an EC2 instance type";

export const size = key(instanceType(), {
  shape: sizeShape,
  example: "m7g.2xlarge",
  about:
    "Platform aws: EC2 instance type; memory and cpus follow from it and go before those at the top. Default for all hosts.",
});

export const hostSize = key(instanceType(), {
  shape: sizeShape,
  example: "t4g.small",
  about:
    "Platform aws: EC2 instance type of this host. Of a type that is not in the project's table, the host gives memory and cpus itself.",
  default: "the key of the same name at the top",
});

/** @param inherited what stands for a key that is missing; undefined: gp3's own */
function volumeKeys(inherited?: string) {
  return z.strictObject({
    iops: key(integer(3000, 16000).optional(), {
      shape: "a whole number from 3000 to 16000",
      example: "6000",
      about: "Reads and writes per second; above 3000 at most 500 for each GB of the disk.",
      default: inherited ?? String(DEFAULT_VOLUME.iops),
    }),
    throughput: key(quantity("rate").optional(), {
      shape: "a size per second from 125MB to 1000MB",
      example: "250MB",
      about: "Throughput; at most a quarter of a MB per second for each of `iops`.",
      default: inherited ?? `${DEFAULT_VOLUME.throughputMbps}MB`,
      quantity: "rate",
    }),
  });
}

export const hostVolume = key(
  volumeKeys("for members the key of the same name under `aws.volume`, else gp3's own").prefault({}),
  {
    shape: "a map of iops and throughput",
    example: "{ iops: 6000, throughput: 250MB }",
    about: "Platform aws: what is different about this host's data volume.",
  },
);

const subnet = z.strictObject({
  zone: key(z.string(), {
    shape: "an availability zone of the region",
    example: "eu-central-1a",
    about: "Availability zone it is in.",
  }),
  cidr: key(text(networkProblem), {
    shape: "an IPv4 network from /16 to /28",
    example: "10.20.1.0/24",
    about: "Its addresses. A host is in the subnet that has its address.",
  }),
  id: key(text(resourceIdProblem("subnet"), "^subnet-[0-9a-f]+$").optional(), {
    shape: "the id of a subnet",
    example: "subnet-0a1b2c3d4e5f60718",
    about: "With `vpc`: the subnet that is there already.",
    default: "none: it is made",
  }),
});

const network = z.strictObject({
  cidr: key(text(networkProblem).optional(), {
    shape: "an IPv4 network from /16 to /28",
    example: "10.20.0.0/16",
    about: "A VPC is made with these addresses. Either this or `vpc`.",
    default: "none: `vpc` names one",
  }),
  vpc: key(text(resourceIdProblem("vpc"), "^vpc-[0-9a-f]+$").optional(), {
    shape: "the id of a VPC",
    example: "vpc-0a1b2c3d4e5f60718",
    about: "The VPC that is there already; each of the subnets then has an `id`. Either this or `cidr`.",
    default: "none: one is made with `cidr`",
  }),
  subnets: key(z.array(subnet).min(1), {
    shape: "a list of subnets",
    example: "[{ zone: eu-central-1a, cidr: 10.20.1.0/24 }]",
    about: "Private subnets that hosts are in, best one in each of three zones.",
  }),
});

export const aws = key(
  z
    .strictObject({
      region: key(text(regionProblem, "^[a-z]{2,4}(-[a-z]+){1,2}-[0-9]{1,2}$"), {
        shape: "an AWS region",
        example: "eu-central-1",
        about: "Region that everything is made in.",
      }),
      network: key(network, {
        shape: "a map of cidr or vpc, and subnets",
        example: "{ cidr: 10.20.0.0/16, subnets: [{ zone: eu-central-1a, cidr: 10.20.1.0/24 }] }",
        about: "The network of the hosts: one that is made, or one that is there already.",
      }),
      image: key(text(imageProblem).default("debian-13"), {
        shape: `one of ${Object.keys(VENDOR_IMAGES).join(", ")}, or the id of an image (ami-…)`,
        example: "ubuntu-24.04",
        about:
          "What hosts are made from; a host that is there keeps the image it was made from. The distribution's PostgreSQL has to be `version`.",
      }),
      publicKey: key(text(publicKeyProblem), {
        shape: "an OpenSSH public key: ssh-ed25519 or ssh-rsa",
        example: "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHJlcGxhY2UgdGhpcyBrZXkgYnkgb25lIG9mIHlvdXJz fleet",
        about: "Who has its private half may log in on every host.",
        sensitive: true,
      }),
      dnsZone: key(text(dnsZoneProblem).optional(), {
        shape: "a DNS name",
        example: "db.broxiva.internal",
        about: "Private DNS zone, seen in the VPC only, that the hosts have names in.",
        default: "db.CLUSTER.internal, with - for each _",
      }),
      tags: key(
        z
          .record(
            text(tagNameProblem),
            key(text(tagValueProblem), {
              shape: "a text; a number stands in quotes",
              example: "payments",
              about: "Value of a tag.",
            }),
          )
          .prefault({}),
        {
          shape: "a map of names to values",
          example: "{ team: payments }",
          about: "Tags of everything that is made.",
        },
      ),
      volume: key(volumeKeys().prefault({}), {
        shape: "a map of iops and throughput",
        example: "{ iops: 6000, throughput: 250MB }",
        about:
          "Data volumes (gp3) of the members; `disk` is their size. Other hosts have gp3's own values unless they say otherwise.",
      }),
      backupRetention: key(quantity("duration").prefault("35d"), {
        shape: "whole days, from 1d to 3650d",
        example: "90d",
        about: "How long backups are kept in the stack's bucket.",
        quantity: "duration",
      }),
      resizePrimary: key(z.enum(["switchover", "stop"]).default("switchover"), {
        shape: "one of switchover, stop",
        example: "stop",
        about:
          "How the primary gets another `size`: a replica becomes primary first, or the primary stops for the minutes it takes.",
        spellings: { failover: "switchover", switch: "switchover", pause: "stop", restart: "stop" },
      }),
    })
    .optional(),
  {
    shape: "a map",
    example: "{ region: eu-central-1, … }",
    about: "Platform aws: what is made there. Required on aws, refused elsewhere.",
    default: "none",
  },
);
