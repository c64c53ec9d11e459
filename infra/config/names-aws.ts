/** Names of AWS, checked for their shape; whether they exist only AWS knows. Each function returns what is wrong, or undefined. */

import { describe, quote } from "./problems.ts";
import { didYouMean } from "./suggest.ts";

const REGION = "[a-z]{2,4}(?:-[a-z]+){1,2}-\\d{1,2}";
const isRegion = (text: string): boolean => new RegExp(`^${REGION}$`).test(text);

export function regionProblem(text: string): string | undefined {
  if (isRegion(text)) return undefined;
  const zone = new RegExp(`^(${REGION})[a-z]$`).exec(text);
  if (zone)
    return `${quote(text)} is an availability zone: write its region, "${zone[1]}". Zones are given at the subnets.`;
  return `${quote(text)} is not an AWS region. Write its code, e.g. "eu-central-1".`;
}

/** @param region valid */
export function zoneProblem(zone: string, region: string): string | undefined {
  // A local zone has the name of its region and of a place: us-west-2-lax-1a.
  if (zone.startsWith(region) && /^(-[a-z]+-\d+)?[a-z]$/.test(zone.slice(region.length))) return undefined;
  const form = `Zones of ${region} are its name and a letter, e.g. "${region}a".`;
  if (/^[a-z0-9]+-az\d+$/.test(zone)) return `${quote(zone)} is the id of a zone; write the zone's name. ${form}`;
  if (/^[a-z]$/.test(zone)) return `is ${quote(zone)}. Write the whole name: "${region}${zone}".`;
  return `${quote(zone)} is not an availability zone of the region ${region}. ${form}`;
}

export const resourceIdProblem =
  (kind: "vpc" | "subnet") =>
  (text: string): string | undefined =>
    isResourceId(kind, text)
      ? undefined
      : `${quote(text)} is not the id of a ${kind === "vpc" ? "VPC" : kind}: ${kind}- and 8 or 17 digits and letters a to f, e.g. "${kind}-0a1b2c3d4e5f60718".`;

const isResourceId = (kind: string, text: string): boolean =>
  new RegExp(`^${kind}-([0-9a-f]{8}|[0-9a-f]{17})$`).test(text);

/** Distribution and release → PostgreSQL major that it packages. */
export const VENDOR_IMAGES: Record<string, number> = {
  "debian-13": 17,
  "debian-12": 15,
  "ubuntu-24.04": 16,
  "ubuntu-22.04": 14,
};

export const isImageId = (text: string): boolean => isResourceId("ami", text);

export function imageProblem(text: string): string | undefined {
  if (Object.hasOwn(VENDOR_IMAGES, text) || isImageId(text)) return undefined;
  const known = Object.keys(VENDOR_IMAGES);
  if (/^ami/i.test(text))
    return `${quote(text)} is not the id of an image: ami- and 8 or 17 digits and letters a to f, e.g. "ami-0a1b2c3d4e5f60718".`;
  return `${quote(text)} is not an image that is known here.${didYouMean(text, known)} It must be one of ${known.join(", ")}, or the id of an image of your own (ami-…).`;
}

/** Its shape: a type that is made tomorrow has it too. */
export function instanceTypeProblem(text: string): string | undefined {
  if (/^[a-z][a-z0-9-]*\.[a-z0-9-]+$/.test(text)) return undefined;
  const rds = /^(?:db|cache|search)\.([a-z][a-z0-9-]*\.[a-z0-9-]+)$/.exec(text)?.[1];
  if (rds !== undefined) return `${quote(text)} is a class of a managed service; the EC2 instance type is "${rds}".`;
  return `${quote(text)} is not an EC2 instance type: a family and a size with a dot between, in small letters, e.g. "m7g.2xlarge".`;
}

export function dnsZoneProblem(text: string): string | undefined {
  const labels = text.split(".");
  if (text.length <= 190 && labels.length >= 2 && labels.every((l) => /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(l)))
    return undefined;
  return `${quote(text)} is not a DNS zone: at least two labels of small letters, digits and - with dots between, none at the end, e.g. "db.broxiva.internal".`;
}

const TAG_TEXT = /^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$/u;
const tagCharacters = "letters, digits, blanks and _ . : / = + - @";

export function tagNameProblem(name: string): string | undefined {
  if (/^aws:/i.test(name)) return `${quote(name)} starts with aws:, which AWS keeps for itself; choose another name.`;
  return name.length >= 1 && name.length <= 128 && TAG_TEXT.test(name)
    ? undefined
    : `${quote(name)} is not the name of a tag: 1 to 128 ${tagCharacters}.`;
}

export function tagValueProblem(value: string): string | undefined {
  return value.length <= 256 && TAG_TEXT.test(value)
    ? undefined
    : `is ${describe(value)}, which is not the value of a tag: at most 256 ${tagCharacters}.`;
}
