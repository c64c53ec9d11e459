/** Where the vendors of Debian and Ubuntu publish the ids of their images: public parameters of SSM. */

import type { AwsHostSpec, AwsSpec } from "../../config/spec.ts";

type VendorImage = Extract<AwsSpec["image"], { kind: "vendor" }>;
type Architecture = AwsHostSpec["architecture"];

/** As the vendors write them. */
const ARCHITECTURES: Record<Architecture, string> = { x86_64: "amd64", arm64: "arm64" };

/**
 * Name of the parameter that holds the id of the newest image.
 * Debian: wiki.debian.org/Cloud/AmazonEC2Image. Ubuntu: documentation.ubuntu.com/aws (find images).
 */
export function imageParameter({ distribution, release }: VendorImage, architecture: Architecture): string {
  const arch = ARCHITECTURES[architecture];
  if (distribution === "debian") return `/aws/service/debian/release/${release}/latest/${arch}`;
  // From 23.10 on Canonical's images are on gp3 volumes.
  const volume = Number(release) >= 23.1 ? "ebs-gp3" : "ebs-gp2";
  return `/aws/service/canonical/ubuntu/server/${release}/stable/current/${arch}/hvm/${volume}/ami-id`;
}

/** Debian's images come without the agent that ssh goes through; Ubuntu's have it. */
export const needsAgent = (image: AwsSpec["image"]): boolean =>
  image.kind === "vendor" && image.distribution === "debian";
