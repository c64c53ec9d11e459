/** Two revisions of a stack file through the real loader, tuner and renderer, in this process. */

import { join } from "node:path";
import { formatProblems, loadStackFile } from "../../infra/config/load.ts";
import { planFleet } from "../../infra/fleet.ts";
import { renderLayouts } from "../../infra/platforms/platform.ts";
import { type Compared, compare } from "../../infra/preview/compare.ts";
import { renderedFleet } from "../../infra/preview/rendered.ts";
import { secretValues } from "../../infra/preview/secrets.ts";
import type { Side, Stalls } from "../../infra/preview/types.ts";
import type { Templates } from "../../infra/rendering/template.ts";
import { loadTemplates } from "../../infra/rendering/templates.ts";

export const TEMPLATES = loadTemplates(join(import.meta.dirname, "../../templates"));

/** Where the hosts of the stack below are; an image of its own goes with every version. */
export const AWS = `  postgres-fleet:ssh: { user: admin }
  postgres-fleet:aws:
    region: eu-central-1
    network:
      cidr: 10.20.0.0/16
      subnets:
        - { zone: eu-central-1a, cidr: 10.20.1.0/24 }
        - { zone: eu-central-1b, cidr: 10.20.2.0/24 }
        - { zone: eu-central-1c, cidr: 10.20.3.0/24 }
    image: ami-0a1b2c3d4e5f60718
    publicKey: ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHJlcGxhY2UgdGhpcyBrZXkgYnkgb25lIG9mIHlvdXJz test
`;

/** Machines with twice the memory and as many processors. */
export const RESIZE: [from: string, to: string] = ["size: m7g.xlarge", "size: r7g.xlarge"];

/** Platform aws: its files do not depend on the machine that renders them. */
export const STACK = `config:
  postgres-fleet:platform: aws
  postgres-fleet:cluster: shop
  postgres-fleet:version: 16
  postgres-fleet:workload: oltp
  postgres-fleet:restart: rolling
  postgres-fleet:initdb: { dataChecksums: true, encoding: UTF8, localeProvider: libc, locale: C.UTF-8, walSegmentSize: 16MB }
  postgres-fleet:size: m7g.xlarge
  postgres-fleet:disk: 200GB
  postgres-fleet:connections: 120
  postgres-fleet:parameters: {}
  postgres-fleet:hosts:
    db1: { role: primary, address: 10.20.1.11 }
    db2: { role: replica, address: 10.20.2.11 }
    db3: { role: replica, address: 10.20.3.11 }
    pool1: { role: pooler, address: 10.20.1.21, size: t4g.small, disk: 20GB }
    mon1: { role: monitoring, address: 10.20.3.31, size: t4g.medium, disk: 100GB }
  postgres-fleet:pooler: { maxClientConnections: 1000, poolSize: 20, reservePoolSize: 5 }
  postgres-fleet:databases:
    shop: { owner: shop_owner }
  postgres-fleet:roles:
    shop_owner: { access: owner, login: false }
    shop_app: { access: readwrite }
  postgres-fleet:allowedNetworks: [10.20.0.0/16]
${AWS}`;

/** The stack file with texts replaced; each must be there. */
export function edited(...pairs: [from: string, to: string][]): string {
  let text = STACK;
  for (const [from, to] of pairs) {
    if (!text.includes(from)) throw new Error(`the fixture has no ${JSON.stringify(from)}`);
    text = text.replace(from, () => to);
  }
  return text;
}

export function side(text: string, templates: Templates = TEMPLATES): Side {
  const result = loadStackFile(text, "Pulumi.prod.yaml", { stack: "prod" });
  if (!result.ok) return { kind: "failed", problem: formatProblems(result.problems, "prod") };
  try {
    const fleet = planFleet(result.spec, renderLayouts(result.spec, "/project"), templates);
    return { kind: "rendered", fleet: renderedFleet(fleet, result.warnings), secrets: secretValues(text) };
  } catch (error) {
    return { kind: "failed", problem: (error as Error).message };
  }
}

/** Templates with one text replaced in one of them. */
export function editedTemplates(name: string, from: string, to: string): Templates {
  const template = TEMPLATES.get(name)!;
  if (!template.text.includes(from)) throw new Error(`templates/${name}.mustache has no ${JSON.stringify(from)}`);
  return new Map(TEMPLATES).set(name, { ...template, text: template.text.replace(from, to) });
}

export const STALLS: Stalls = { "restart-primary": { seconds: 1.31 } };

export function compared(before: string | Side, after: string | Side): Compared {
  const sideOf = (one: string | Side): Side => (typeof one === "string" ? side(one) : one);
  return compare("prod", sideOf(before), sideOf(after), STALLS);
}
