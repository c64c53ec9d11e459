/** Prometheus' own tools read the rules about certificates, and fire when an end is near. */

import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { stringify } from "yaml";
import { fillSecrets, secretNames } from "../../infra/rendering/generation.ts";
import { renderFleet } from "../../infra/rendering/render.ts";
import { body, fleet, input, tls } from "../rendering/fixture.ts";

const DAY_SECONDS = 86_400;
const PROMTOOL = "/usr/bin/promtool";
let folder: string;
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), "pgf-rules-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const plans = renderFleet(input(fleet({ tls: { ...tls, validDays: 120 } })));
const rules = body(plans, "mon1", "prometheus/certificates.rules.yml");

/** promtool's clock begins at 0: what is left is when it ends. */
function filled(days: Record<string, number>): string {
  const all = secretNames(rules).map((name) => [name, String((days[name] ?? 100) * DAY_SECONDS)]);
  return fillSecrets(rules, Object.fromEntries(all), "certificates.rules.yml");
}

test("every host with a certificate has its end, and nothing else is asked for", () => {
  expect(secretNames(rules).sort()).toEqual(["db-3.notAfter", "db1.notAfter", "db2.notAfter", "pool1.notAfter"]);
  expect(body(plans, "mon1", "prometheus/prometheus.yml")).toContain('rule_files:\n  - "certificates.rules.yml"');
});

test("nothing while more than a quarter of its life is left, then a warning, then an alarm", () => {
  writeFileSync(path.join(folder, "certificates.rules.yml"), filled({ "db2.notAfter": 29, "pool1.notAfter": 9 }));
  const alert = (host: string, severity: string, left: string) => ({
    exp_labels: { severity, cluster: "main", host },
    exp_annotations: {
      summary: `the certificate of ${host} ends in ${left}`,
      description: "run pulumi up: it makes a new certificate",
    },
  });
  const exp_alerts = [
    alert("db2", "warning", "29d 0h 0m 0s"),
    alert("pool1", "warning", "9d 0h 0m 0s"),
    alert("pool1", "critical", "9d 0h 0m 0s"),
  ];
  const file = path.join(folder, "test.yml");
  const tests = [{ alert_rule_test: [{ eval_time: "0m", alertname: "CertificateExpires", exp_alerts }] }];
  writeFileSync(file, stringify({ rule_files: ["certificates.rules.yml"], evaluation_interval: "1m", tests }));
  execFileSync(PROMTOOL, ["check", "rules", path.join(folder, "certificates.rules.yml")], { encoding: "utf8" });
  execFileSync(PROMTOOL, ["test", "rules", file], { encoding: "utf8" });
});

test("without TLS there are no rules", () => {
  const config = body(renderFleet(input(fleet())), "mon1", "prometheus/prometheus.yml");
  expect(config).not.toContain("rule_files");
});
