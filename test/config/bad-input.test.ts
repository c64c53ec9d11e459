import { describe, expect, test } from "vitest";
import type { LoadContext, RawConfig } from "../../infra/config/load.ts";
import { accessCases } from "./cases/access.ts";
import { awsCases } from "./cases/aws.ts";
import { clusterCases } from "./cases/cluster.ts";
import { hostsCases } from "./cases/hosts.ts";
import { machineCases } from "./cases/machine.ts";
import { objectsCases } from "./cases/objects.ts";
import { parametersCases } from "./cases/parameters.ts";
import { replicationCases } from "./cases/replication.ts";
import { servicesCases } from "./cases/services.ts";
import { tlsCases } from "./cases/tls.ts";
import { config, problemsOf } from "./support.ts";

const areas = {
  cluster: clusterCases,
  hosts: hostsCases,
  replication: replicationCases,
  parameters: parametersCases,
  services: servicesCases,
  objects: objectsCases,
  access: accessCases,
  tls: tlsCases,
  aws: awsCases,
};

function expectOne(raw: RawConfig, path: string, gist: (string | RegExp)[], context: Partial<LoadContext> = {}): void {
  const problems = problemsOf(config(raw), context);
  expect(problems.map((p) => p.path)).toEqual([path]);
  for (const part of gist) {
    if (typeof part === "string") expect(problems[0]!.message).toContain(part);
    else expect(problems[0]!.message).toMatch(part);
  }
}

describe.each(Object.entries(areas))("one mistake is one problem, at its key: %s", (_area, cases) => {
  test.each(cases)("%s", (_what, raw, path, ...gist) => {
    // fleet({ x: undefined }) takes a host out; config({ x: undefined }) a key.
    const clean = JSON.parse(JSON.stringify(raw)) as RawConfig;
    for (const [key, value] of Object.entries(raw)) if (value === undefined) clean[key] = undefined;
    expectOne(clean, path, gist);
  });
});

test.each(machineCases)("one mistake is one problem, at its key: this machine: %s", (_what, raw, path, ...rest) => {
  const facts = rest.at(-1) as LoadContext["machine"];
  expectOne(raw, path, rest.slice(0, -1) as string[], { machine: facts });
});
