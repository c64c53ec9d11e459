import * as pulumi from "@pulumi/pulumi";
import { describe, expect, test } from "vitest";
import { Certificates } from "../../infra/components/certificates.ts";
import { Credentials } from "../../infra/components/credentials.ts";
import type { FleetSpec } from "../../infra/config/spec.ts";
import { componentFiles } from "../../infra/fleet.ts";
import { renderFleet } from "../../infra/rendering/render.ts";
import { fleet, input, tls } from "../rendering/fixture.ts";
import { record } from "../support/record.ts";

/** @param files fleet whose files ask for secrets */
async function program(spec: FleetSpec, secrets: Record<string, string> = {}, files = spec) {
  const failures: string[] = [];
  const registered = await record(() => {
    const given = pulumi.secret(secrets);
    const certificates = new Certificates("certificates", { spec, given });
    const credentials = new Credentials("credentials", { spec, given, certificates });
    for (const plan of renderFleet(input(files))) {
      try {
        credentials.wanted(componentFiles(plan));
      } catch (error) {
        failures.push((error as Error).message);
      }
    }
  });
  return {
    registered,
    failures,
    of: (kind: string) => registered.filter(({ type }) => type === `pgfleet:index:${kind}`),
  };
}

describe("certificates of a fleet", () => {
  test("each member and pooler has one for its own name and address, all of one authority", async () => {
    const { of } = await program(fleet({ tls }));
    expect(of("CertificateAuthority").map(({ inputs }) => [inputs.signing, inputs.trusted])).toEqual([[1, [1]]]);
    expect(of("Certificate").map(({ inputs }) => [inputs.host, inputs.addresses])).toEqual([
      ["db1", ["127.0.10.1"]],
      ["db2", ["127.0.10.2"]],
      ["db-3", ["127.0.10.3"]],
      ["pool1", ["127.0.10.11"]],
    ]);
  });

  test("every file that asks for a part of one gets it", async () => {
    expect((await program(fleet({ tls }))).failures).toEqual([]);
    const none = await program(fleet(), {}, fleet({ tls }));
    expect(none.failures).toContain('a template asks for the secret "db1.ca"; host db1 has no certificate');
  });

  test("given ones make no authority", async () => {
    const names = { ca: "c", certificate: "d", key: "k" };
    const { of } = await program(fleet({ tls: { ...tls, given: names } }), { c: "CA", d: "CERT", k: "KEY" });
    expect(of("CertificateAuthority")).toEqual([]);
    expect(of("Certificate").map(({ inputs }) => inputs.given)).toEqual(
      Array(4).fill({ ca: "CA", certificate: "CERT", key: "KEY" }),
    );
  });

  test("without TLS there is none", async () => {
    const { registered } = await program(fleet());
    expect(registered.map(({ type }) => type).filter((type) => type.includes("Certificate"))).toEqual([]);
  });
});
