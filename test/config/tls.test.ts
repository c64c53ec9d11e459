import { expect, test } from "vitest";
import { config, existing, problemsOf, specOf } from "./support.ts";

const given = { mode: "given", ca: "ca", certificate: "certificate", key: "key" };

test("TLS is on unless it is said to be off; on platform local without a reason", () => {
  expect(specOf(config()).spec.tls).toMatchObject({ required: true, clients: "require", validDays: 365 });
  const off = specOf(config({ tls: { mode: "off" } }));
  expect(off).toMatchObject({ warnings: [] });
  expect(off.spec.tls).toBeUndefined();
});

test("an exception allows off elsewhere, and every preview shows it", () => {
  const { spec, warnings } = specOf(
    config({ ...existing("10.0.0.1"), tls: { mode: "off", exception: "WireGuard between all hosts" } }),
  );
  expect(spec.tls).toBeUndefined();
  expect(warnings).toEqual(["tls.mode is off by exception: WireGuard between all hosts"]);
});

test("so it does for TLS that nobody asks for, the step between off and on", () => {
  const offered = { required: false, exception: "on its way to TLS, until 2026-04" };
  const { spec, warnings } = specOf(config({ ...existing("10.0.0.1"), tls: offered }));
  expect(spec.tls).toMatchObject({ required: false });
  expect(warnings).toEqual(["tls.required is false by exception: on its way to TLS, until 2026-04"]);
  expect(specOf(config({ tls: { required: false } })).warnings).toEqual([]);
});

test("an exception that excepts nothing should go", () => {
  const { warnings } = specOf(config({ ...existing("10.0.0.1"), tls: { exception: "why not" } }));
  expect(warnings).toEqual([expect.stringContaining("tls.exception is not needed")]);
});

test("given certificates are named, and their line breaks are theirs", () => {
  const pem = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
  const { spec, warnings } = specOf(config({ secrets: { ca: pem, certificate: pem, key: pem }, tls: given }));
  expect(warnings).toEqual([]);
  expect(spec.tls?.given).toEqual({ ca: "ca", certificate: "certificate", key: "key" });
});

test("a key that someone wrote in place of its name is not shown", () => {
  const key = "-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49AgEG\n-----END PRIVATE KEY-----";
  const problems = problemsOf(config({ secrets: { ca: "a", certificate: "b" }, tls: { ...given, key } }));
  expect(problems.map((p) => p.path)).toEqual(["tls.key"]);
  expect(JSON.stringify(problems)).not.toContain("MIGHAgEA");
});

test("authorities are trusted in one order, whatever order they are written in", () => {
  expect(specOf(config({ tls: { caVersion: 2, caTrusted: [2, 1] } })).spec.tls).toMatchObject({
    caVersion: 2,
    caTrusted: [1, 2],
  });
});

test("clients prove who they are with certificates only where somebody gives them some", () => {
  const rule = {
    databases: { shop: { owner: "own" } },
    roles: { own: { access: "owner", login: false }, app: { access: "readwrite" } },
    hba: [{ database: "shop", user: "app", from: "10.9.0.0/16", method: "cert" }],
  };
  expect(problemsOf(config(rule)).map((p) => p.path)).toEqual(["hba[0].method"]);
  expect(problemsOf(config({ ...rule, tls: given, secrets: { ca: "a", certificate: "b", key: "c" } }))).toEqual([]);
});
