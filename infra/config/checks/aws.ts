/** Platform aws: its keys are there on aws and nowhere else, and what they say of each other is possible. */

import { VENDOR_IMAGES } from "../names-aws.ts";
import type { Path, Report } from "../problems.ts";
import { imageUser } from "../resolve-aws.ts";
import type { Draft } from "../schema/fleet.ts";
import type { HostSpec } from "../spec.ts";
import { formatSeconds } from "../units.ts";
import { checkMachines } from "./aws-machines.ts";
import { checkNetwork } from "./aws-network.ts";
import { checkVolumes } from "./aws-volumes.ts";

const daySeconds = 86_400;

export function checkAws(draft: Draft, hosts: HostSpec[], report: Report): void {
  if (draft.platform === "aws") checkPresent(draft, hosts, report);
  else if (draft.platform !== undefined) refuseElsewhere(draft, report);
}

function checkPresent(draft: Draft, hosts: HostSpec[], report: Report): void {
  checkMachines(draft, hosts, report);
  checkVolumes(draft, hosts, report);
  if (draft.aws === undefined) {
    if (!report.has(["aws"])) report.add(["aws"], missing);
    return;
  }
  checkNetwork(draft.aws, hosts, report);
  checkNames(draft, report);
  checkImage(draft, report);
  checkUser(draft, report);
  const days = draft.aws.backupRetention;
  if (days !== undefined && (days < daySeconds || days > 3650 * daySeconds || days % daySeconds !== 0))
    report.add(
      ["aws", "backupRetention"],
      `is ${formatSeconds(days)}. It must be whole days, from 1d to 3650d, e.g. "35d".`,
    );
}

const missing = `is missing, and the platform is aws. Say where the hosts are and who may log in, e.g.
  postgres-fleet:aws:
    region: eu-central-1
    network:
      cidr: 10.20.0.0/16
      subnets:
        - { zone: eu-central-1a, cidr: 10.20.1.0/24 }
        - { zone: eu-central-1b, cidr: 10.20.2.0/24 }
    publicKey: the line of ~/.ssh/id_ed25519.pub`;

/** Keys that would do nothing: whoever wrote them thinks that a machine is made. */
function refuseElsewhere({ platform, aws, size, hosts }: Draft, report: Report): void {
  const given = (path: Path, value: unknown): void => {
    if (value === undefined || (typeof value === "object" && value !== null && Object.keys(value).length === 0)) return;
    report.add(
      path,
      `is for platform aws, and the platform is ${platform}. Remove it, or write postgres-fleet:platform: aws.`,
    );
  };
  given(["aws"], aws);
  given(["size"], size);
  for (const [name, host] of Object.entries(hosts ?? {}))
    for (const key of ["size", "volume", "replace"] as const) given(["hosts", name, key], host?.[key]);
}

/** In the private zone these follow the roles. */
function checkNames({ hosts }: Draft, report: Report): void {
  for (const name of Object.keys(hosts ?? {}))
    if (/^(primary|pooler|replica\d*)$/.test(name))
      report.add(
        ["hosts", name],
        `is a name that the private zone keeps for whoever has that role now. Call the host something that stays true, e.g. db1.`,
      );
}

/** The distribution has one major in each release, PGDG has all of them for each of these. */
function checkImage({ aws, version, packageSource }: Draft, report: Report): void {
  if (packageSource === "pgdg" || report.has(["packageSource"])) return;
  const image = aws?.image;
  const has = image === undefined ? undefined : VENDOR_IMAGES[image];
  if (has === undefined || version === undefined || has === version) return;
  const pgdg = "Write postgres-fleet:packageSource: pgdg, which has it";
  const own = `an image of your own whose sources have it (image: ami-…)`;
  const fits = Object.keys(VENDOR_IMAGES).find((name) => VENDOR_IMAGES[name] === version);
  const way =
    fits === undefined
      ? `${pgdg}; none of ${Object.keys(VENDOR_IMAGES).join(", ")} has. Or give ${own}, or write version: ${has}.`
      : `${pgdg}, or image: ${fits}, or give ${own}.`;
  report.add(["aws", "image"], `${image} has PostgreSQL ${has}, and the version is ${version}. ${way}`);
}

/** Of a vendor's image it is known who logs in. */
function checkUser({ aws, ssh, hosts }: Draft, report: Report): void {
  if (aws?.image === undefined || imageUser(aws.image) !== undefined || ssh?.user !== undefined) return;
  const without = Object.entries(hosts ?? {}).filter(([, host]) => host?.ssh?.user === undefined);
  if (without.length === 0 || report.has(["ssh", "user"])) return;
  report.add(
    ["ssh", "user"],
    `is missing: who logs in depends on the image, and ${aws.image} is one of your own. Write e.g. postgres-fleet:ssh: { user: admin } (admin on Debian's images, ubuntu on Ubuntu's).`,
  );
}
