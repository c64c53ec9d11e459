import * as pulumi from "@pulumi/pulumi";
import { describe, expect, test } from "vitest";
import { Certificates } from "../../infra/components/certificates.ts";
import { Cluster } from "../../infra/components/cluster.ts";
import { Credentials } from "../../infra/components/credentials.ts";
import { Host } from "../../infra/components/host.ts";
import type { FleetSpec } from "../../infra/config/spec.ts";
import { connections } from "../../infra/platforms/platform.ts";
import { renderFleet } from "../../infra/rendering/render.ts";
import { fleet, input } from "../rendering/fixture.ts";
import { record } from "../support/record.ts";

/** The program's cluster without an engine: which of its resources the engine would refuse to delete. */
async function guarded(spec: FleetSpec): Promise<string[]> {
  const registered = await record(() => {
    const owner = { project: "postgres-fleet", stack: spec.stack, cluster: spec.cluster.name };
    const secrets = pulumi.secret<Record<string, string>>({});
    const certificates = new Certificates("certificates", { spec, given: secrets });
    const credentials = new Credentials("credentials", { spec, given: secrets, certificates });
    const files = input(spec);
    const plans = new Map(renderFleet(files).map((plan) => [plan.host, plan]));
    const hosts = new Map(
      [...connections(spec, new Map(files.layouts))].map(([name, connection]) => [
        name,
        new Host(name, {
          connection,
          owner,
          layout: files.layouts.get(name)!,
          plan: plans.get(name)!,
          credentials,
        }),
      ]),
    );
    new Cluster(spec.cluster.name, { spec, owner, hosts, credentials });
  });
  return registered.filter(({ protect }) => protect).map(({ type, name }) => `${type.split(":").at(-1)} ${name}`);
}

describe("what the engine refuses to delete", () => {
  const spec = fleet();
  const hosts = spec.hosts.map((host) => ({ ...host, protect: true }));

  test("members, and the rollout, which destroy would come to first", async () => {
    expect((await guarded({ ...spec, protect: true, hosts })).sort()).toEqual([
      "PostgresInstance db-3",
      "PostgresInstance db1",
      "PostgresInstance db2",
      "Rollout main",
    ]);
  });

  test("not a member that is to go", async () => {
    const leaving = hosts.map((host) => ({ ...host, protect: host.name !== "db2" }));
    expect((await guarded({ ...spec, protect: true, hosts: leaving })).sort()).toEqual([
      "PostgresInstance db-3",
      "PostgresInstance db1",
      "Rollout main",
    ]);
  });

  test("nothing of a fleet without it", async () => {
    expect(await guarded(spec)).toEqual([]);
  });
});
