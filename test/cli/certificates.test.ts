import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { probeCertificates } from "../../cli/status/certificates.ts";
import type { Probe } from "../../cli/status/probe.ts";
import { Problems } from "../../cli/status/types.ts";
import { hostAt } from "../../provider/host.ts";
import { issueCertificate, makeAuthority } from "../../provider/tls/issue.ts";
import { fleet, tls } from "../rendering/fixture.ts";

const DAY_MS = 86_400_000;
let home: string;
beforeAll(async () => {
  home = mkdtempSync(path.join(tmpdir(), "pgfleet-test-"));
  const authority = await makeAuthority("shop authority 1");
  const { certificate } = await issueCertificate(authority, { host: "db1", addresses: [], days: 90 });
  mkdirSync(path.join(home, "current/postgresql"), { recursive: true });
  writeFileSync(path.join(home, "current/postgresql/server.crt"), `# of host db1\n${certificate}\n`);
});
afterAll(() => rmSync(home, { recursive: true, force: true }));

async function probe(daysLater: number, given = false) {
  const problems = new Problems("db1");
  const connection = { platform: "local", host: "db1", address: "127.0.0.1", home, run: home, user: "nobody" } as const;
  const names = { ca: "ca", certificate: "certificate", key: "key" };
  const found = await probeCertificates(
    {
      spec: fleet({ tls: { ...tls, ...(given ? { given: names } : {}) } }),
      plan: { host: "db1", components: [{ name: "postgresql", files: [], secrets: [] }], settings: {} },
      host: hostAt(connection),
      problems,
    } as unknown as Probe,
    new Date(Date.now() + daysLater * DAY_MS),
  );
  return { found, problems: problems.list.map(({ text }) => text) };
}

test("status tells the days that are left", async () => {
  const { found, problems } = await probe(10);
  expect(found).toMatchObject([{ component: "postgresql", daysLeft: 79 }]);
  expect(problems).toEqual([]);
});

test("one that is due, or has ended, is a problem that says what to do", async () => {
  expect((await probe(70)).problems).toEqual([
    expect.stringMatching(/^the certificate of postgresql ends in 19 days, 20.*; the next `pulumi up` renews it$/),
  ]);
  expect((await probe(91)).problems).toEqual([expect.stringMatching(/^the certificate of postgresql ended 20/)]);
  expect((await probe(70, true)).problems).toEqual([expect.stringContaining("give another one (tls.certificate)")]);
});
