/** Each rule of the audit: what it finds, and what it leaves alone. */

import { describe, expect, test } from "vitest";
import { audit, EXPIRY_DAYS, RULES } from "../../cli/audit/rules.ts";
import type { AuditFacts, MemberFacts, RoleFacts } from "../../cli/audit/types.ts";
import { auditText } from "../../cli/audit.ts";

const NOW = new Date("2026-06-01T00:00:00Z");
const role = (name: string, changes: Partial<RoleFacts> = {}): RoleFacts => ({
  name,
  login: true,
  superuser: false,
  connectionLimit: 10,
  password: "scram",
  ...changes,
});
const healthy: AuditFacts = {
  roles: [
    role("postgres", { superuser: true, connectionLimit: -1, password: "none" }),
    role("pgfleet_replicator", { connectionLimit: -1 }),
    role("pgfleet_exporter", { connectionLimit: 5, password: "none" }),
    role("app"),
    role("owner", { login: false, connectionLimit: -1, password: "none" }),
  ],
  databases: [{ name: "shop", publicSchema: ["USAGE"], publicDatabase: [], definerFunctions: [] }],
  members: [
    {
      name: "db1",
      hba: [
        { line: 1, type: "local", databases: ["all"], users: ["postgres"], address: "", method: "peer" },
        { line: 2, type: "host", databases: ["shop"], users: ["app"], address: "10.0.0.0/8", method: "scram-sha-256" },
        { line: 3, type: "host", databases: ["all"], users: ["all"], address: "all", method: "reject" },
      ],
      certificates: [{ file: "server.crt", subject: "CN=db1", notAfter: "2027-01-01T00:00:00Z" }],
    },
  ],
};
const withRole = (changes: Partial<RoleFacts>): AuditFacts => ({ ...healthy, roles: [role("x", changes)] });
const withHba = (changes: Partial<MemberFacts["hba"][number]>): AuditFacts => ({
  ...healthy,
  members: [{ ...healthy.members[0]!, hba: [{ ...healthy.members[0]!.hba[1]!, ...changes }] }],
});
const withDatabase = (changes: Partial<AuditFacts["databases"][number]>): AuditFacts => ({
  ...healthy,
  databases: [{ ...healthy.databases[0]!, ...changes }],
});
const withCertificate = (days: number): AuditFacts => ({
  ...healthy,
  members: [
    {
      ...healthy.members[0]!,
      certificates: [
        { file: "server.crt", subject: "CN=db1", notAfter: new Date(NOW.getTime() + days * 86_400_000).toISOString() },
      ],
    },
  ],
});

const cases: [rule: string, facts: AuditFacts, what: string][] = [
  ["superuser", withRole({ superuser: true }), "role x is a superuser"],
  ["md5-verifier", withRole({ password: "md5" }), "an MD5 verifier"],
  ["md5-verifier", withRole({ password: "other" }), "no SCRAM verifier"],
  ["no-password", withRole({ password: "none" }), "never had a password"],
  ["no-connection-limit", withRole({ connectionLimit: -1 }), "every connection"],
  ["weak-hba", withHba({ method: "trust" }), "pg_hba.conf:2: host shop app 10.0.0.0/8 trust"],
  ["weak-hba", withHba({ type: "local", address: "", method: "trust" }), "local shop app trust"],
  ["weak-hba", withHba({ method: "md5" }), "MD5 hashes"],
  ["weak-hba", withHba({ method: "password" }), "readable"],
  ["weak-hba", withHba({ method: "ident" }), "client's machine"],
  ["open-hba", withHba({ address: "0.0.0.0/0" }), "from everywhere"],
  ["open-hba", withHba({ address: "::/0" }), "from everywhere"],
  ["open-hba", withHba({ address: "all" }), "from everywhere"],
  [
    "definer-search-path",
    withDatabase({ definerFunctions: [{ name: "f(integer)", owner: "o" }] }),
    "f(integer) runs as o",
  ],
  ["public-schema", withDatabase({ publicSchema: ["USAGE", "CREATE"] }), "schema public"],
  ["certificate", withCertificate(EXPIRY_DAYS - 1), "ends 2026-06-30"],
  ["certificate", withCertificate(-1), "ended 2026-05-31"],
];

describe("the audit", () => {
  test("finds nothing in a fleet that is as it should be", () => {
    expect(audit(healthy, NOW)).toEqual([]);
    expect(audit(withCertificate(EXPIRY_DAYS + 1), NOW)).toEqual([]);
    expect(auditText([], [])).toBe("nothing found");
  });

  test.each(cases)("%s", (rule, facts, what) => {
    const found = audit(facts, NOW);
    expect(found.map((one) => one.rule)).toEqual([rule]);
    expect(found[0]!.what).toContain(what);
    expect(found[0]!.fix).not.toBe("");
  });

  test("each rule is tried above", () => {
    expect(new Set(cases.map(([rule]) => rule))).toEqual(new Set(Object.keys(RULES)));
  });

  test("a host that was not looked at is not a clean one", () => {
    expect(auditText([], ["db2: no answer"])).toBe("not looked at: db2: no answer\n0 findings");
  });
});
