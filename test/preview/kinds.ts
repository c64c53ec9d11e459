/** Kinds of change, each as two revisions. */

import type { Side } from "../../infra/preview/types.ts";
import { edited, editedTemplates, RESIZE, STACK, side } from "./fixture.ts";

export interface Kind {
  name: string;
  before: string | Side;
  after: string | Side;
}

const to = (name: string, ...pairs: [from: string, to: string][]): Kind => ({
  name,
  before: STACK,
  after: edited(...pairs),
});

const OFF = 'mode: off, exception: "WireGuard"';
const OFFERED = 'required: false, exception: "on its way"';
function tls(keys: string): [string, string] {
  return ["  postgres-fleet:databases:", `  postgres-fleet:tls: { ${keys} }\n  postgres-fleet:databases:`];
}

const DB3 = "    db3: { role: replica, address: 10.20.3.11 }\n";
const parameters = (text: string): [string, string] => ["parameters: {}", `parameters: { ${text} }`];

export const kinds: Kind[] = [
  { name: "no-change", before: STACK, after: STACK },
  to("resize", RESIZE),
  to("shrink-one-host", ["db3: { role: replica,", "db3: { role: replica, memory: 8GB,"]),
  to("machine-smaller", ["size: m7g.xlarge", "size: m7g.large"]),
  to("machine-replaced", ["db2: { role: replica,", "db2: { role: replica, replace: 2026-12-01, disk: 100GB,"]),
  to("add-replica", [DB3, `${DB3}    db4: { role: replica, address: 10.20.1.12 }\n`]),
  to("remove-replica", [DB3, ""]),
  to("parameter-override", parameters("random_page_cost: 1.5, shared_preload_libraries: auto_explain, work_mem: 8MB")),
  to("one-host-override", [
    "db2: { role: replica,",
    "db2: { role: replica, parameters: { log_min_duration_statement: 250ms },",
  ]),
  to("allowed-network", ["[10.20.0.0/16]", "[10.20.0.0/16, 10.30.0.0/16]"]),
  to("allowed-network-removed", ["[10.20.0.0/16]", "[]"]),
  to("pool-size", ["poolSize: 20", "poolSize: 30"]),
  to("pool-mode", ["reservePoolSize: 5 }", "reservePoolSize: 5, poolMode: session, port: 6433 }"]),
  to("new-role", [
    "    shop_app: { access: readwrite }\n",
    "    shop_app: { access: readwrite }\n    report: { access: readonly }\n",
  ]),
  to("role-removed", ["    shop_app: { access: readwrite }\n", ""]),
  to("new-database", [
    "    shop: { owner: shop_owner }\n",
    "    shop: { owner: shop_owner }\n    stock: { owner: shop_owner, extensions: [pg_trgm] }\n",
  ]),
  to("version", ["version: 16", "version: 17"]),
  {
    name: "template-edit",
    before: STACK,
    after: side(
      STACK,
      editedTemplates("pgbouncer/pgbouncer.ini", "[pgbouncer]\n", "[pgbouncer]\nserver_lifetime = 1800\n"),
    ),
  },
  to("workload", ["workload: oltp", "workload: dw"]),
  to("restart-policy", ["restart: rolling", "restart: manual"]),
  to("manual-resize", ["restart: rolling", "restart: manual"], RESIZE),
  to("rename-host", ["    db3: {", "    db9: {"]),
  to("rename-monitoring", ["    mon1: {", "    watch: {"]),
  to("five-raised", ["connections: 120", "connections: 150"]),
  to("five-lowered", ["connections: 120", "connections: 100"]),
  to("five-mixed", ["connections: 120", "connections: 100"], parameters("max_worker_processes: 16")),
  to("no-monitoring", [
    "  postgres-fleet:pooler:",
    "  postgres-fleet:monitoring: { enabled: false }\n  postgres-fleet:pooler:",
  ]),
  to(
    "primary-moved",
    ["db1: { role: primary", "db1: { role: replica"],
    ["db2: { role: replica", "db2: { role: primary"],
  ),
  to("initdb", ["encoding: UTF8", "encoding: LATIN1"]),
  to("tls-renewed", tls("renew: 2")),
  to("tls-authority", tls("caTrusted: [1, 2]")),
  { name: "tls-on-at-once", before: edited(tls(OFF)), after: STACK },
  { name: "tls-offered", before: edited(tls(OFF)), after: edited(tls(OFFERED)) },
  { name: "tls-asked-for", before: edited(tls(OFFERED)), after: STACK },
  { name: "secret-rotated", before: secret("v1:AAAA:one"), after: secret("v1:BBBB:two") },
  { name: "new-stack", before: { kind: "absent" }, after: STACK },
  { name: "removed-stack", before: STACK, after: { kind: "absent" } },
  { name: "base-invalid", before: edited(["disk: 200GB", "disk: 200G"]), after: STACK },
  { name: "head-invalid", before: STACK, after: edited(["disk: 200GB", "disk: 200G"]) },
];

/** A stack whose role takes its password from an encrypted value. */
export function secret(cipher: string): string {
  return edited(
    ["shop_app: { access: readwrite }", "shop_app: { access: readwrite, passwordSecret: app }"],
    [
      "  postgres-fleet:allowedNetworks",
      `  postgres-fleet:secrets:\n    app: { secure: "${cipher}" }\n  postgres-fleet:allowedNetworks`,
    ],
  );
}
