/** Does everything that watches the fleet answer, and see it? */

import { hostNamed, members } from "../../infra/config/spec.ts";
import { askExporter, declaredTargets, targets } from "../status/monitoring.ts";
import type { Run } from "./checks.ts";

const LIMIT_MS = 10_000;

export async function verifyMonitoring({ fleet, signal, check }: Run): Promise<void> {
  const { spec } = fleet;
  if (!spec.monitoring) return;
  const limit = (): AbortSignal => AbortSignal.any([signal, AbortSignal.timeout(LIMIT_MS)]);
  for (const { name, address } of members(spec)) {
    await check(`postgres_exporter of ${name} reaches its server`, () =>
      askExporter("postgres_exporter", address, limit()),
    );
  }
  for (const name of spec.pooler?.hosts ?? []) {
    const { address } = hostNamed(spec, name);
    await check(`pgbouncer_exporter of ${name} reaches PgBouncer`, () =>
      askExporter("pgbouncer_exporter", address, limit()),
    );
  }
  for (const name of spec.monitoring.hosts) {
    await check(`Prometheus on ${name} has every target`, async () => {
      const active = await targets(hostNamed(spec, name).address, spec.monitoring!.prometheusPort, limit());
      const down = active.filter((target) => target.health === "down");
      if (down.length > 0)
        throw new Error(down.map((t) => `${t.labels.job} of ${t.labels.host}: ${t.lastError}`).join("; "));
      if (active.length !== declaredTargets(spec))
        throw new Error(`it has ${active.length}, declared are ${declaredTargets(spec)}`);
    });
  }
}
