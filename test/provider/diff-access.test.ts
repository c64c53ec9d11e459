import { expect, test } from "vitest";
import type { Connection, SshAccess } from "../../infra/resources.ts";
import { databaseObjects } from "../../provider/resources/database-objects.ts";
import { hostFiles } from "../../provider/resources/host-files.ts";
import { postgresInstance } from "../../provider/resources/postgres-instance.ts";
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
test.each([
  ["HostFiles", hostFiles, (c: Connection) => ({ connection: c })],
  ["Service", service, (c: Connection) => ({ connection: c, name: "prometheus" })],
  ["PostgresInstance", postgresInstance, (c: Connection) => ({ connection: c, bootstrap: {} })],
  [
    "DatabaseObjects",
    databaseObjects,
    (c: Connection) => ({ members: [{ name: "db1", connection: c }], roles: {}, databases: {}, removedRoles: [] }),
  ],
] as const)("%s follows a change of how its host is reached", (_, resource, made) => {
  const diff = (from: Connection, to: Connection) =>
    resource.diff(made(from) as never, made(to) as never, made(from) as never, note);
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
