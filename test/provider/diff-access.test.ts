import { expect, test } from "vitest";
import type { Connection, SshAccess } from "../../infra/resources.ts";
import { databaseObjects } from "../../provider/resources/database-objects.ts";
import { drain } from "../../provider/resources/drain.ts";
import { hostFiles } from "../../provider/resources/host-files.ts";
import { machine } from "../../provider/resources/machine.ts";
import { postgresInstance } from "../../provider/resources/postgres-instance.ts";
import { ready } from "../../provider/resources/ready.ts";
import { rollout } from "../../provider/resources/rollout.ts";
import { service } from "../../provider/resources/service.ts";

const at = (ssh: Partial<SshAccess> = {}): Connection => ({
  platform: "ssh",
  host: "db1",
  address: "10.0.0.1",
  home: "/var/lib/pgfleet/prod/db1",
  run: "/var/lib/pgfleet/prod/db1/run",
  user: "postgres",
  unitPrefix: "pgfleet-prod-db1",
  ssh: { user: "root", port: 22, become: "sudo", ...ssh },
});
const note = () => {};

// The next refresh dials with what is in the state: a change that does not get there leaves the host unreachable.
const RESOURCES = [
  ["HostFiles", hostFiles, (c: Connection) => ({ connection: c })],
  ["Service", service, (c: Connection) => ({ connection: c, name: "prometheus" })],
  ["Machine", machine, (c: Connection) => ({ connection: c })],
  ["Drain", drain, (c: Connection) => ({ connection: c, machine: { type: "a" }, type: "a" })],
  ["Ready", ready, (c: Connection) => ({ connection: c })],
  ["Rollout", rollout, (c: Connection) => ({ members: [{ name: "db1", connection: c }], gone: [] })],
  ["PostgresInstance", postgresInstance, (c: Connection) => ({ connection: c, bootstrap: {} })],
  [
    "DatabaseObjects",
    databaseObjects,
    (c: Connection) => ({ members: [{ name: "db1", connection: c }], roles: {}, databases: {}, removedRoles: [] }),
  ],
] as const;
type Made = (typeof RESOURCES)[number];
const differ = (resource: Made[1], made: Made[2]) => (from: Connection, to: Connection) =>
  resource.diff(made(from) as never, made(to) as never, made(from) as never, note);

test.each(RESOURCES)("%s follows a change of how its host is reached", (_, resource, made) => {
  const diff = differ(resource, made);
  expect(diff(at(), at())).toMatchObject({ changes: false });
  const { changes, detailed } = diff(at(), at({ port: 2222, proxyJump: "bastion" }));
  expect(changes).toBe(true);
  expect(
    Object.values(detailed)
      .map(({ kind }) => kind)
      .sort(),
  ).toEqual(["add", "update"]);
  expect(Object.keys(detailed)).toEqual([
    expect.stringMatching(/connection\.ssh\.port$/),
    expect.stringMatching(/connection\.ssh\.proxyJump$/),
  ]);
});

// Its root disk is new: no packages, no units, no kernel settings. What lies there is made again by all of them.
test.each(RESOURCES)("%s follows its host to another machine, and replaces nothing", (_, resource, made) => {
  const { changes, detailed } = differ(resource, made)(at({ machine: "i-0old" }), at({ machine: "i-0new" }));
  expect(changes).toBe(true);
  expect(detailed).toEqual({
    [Object.keys(detailed)[0]!]: { kind: "update", inputDiff: true },
  });
  expect(Object.keys(detailed)[0]).toMatch(/connection\.ssh\.machine$/);
});
