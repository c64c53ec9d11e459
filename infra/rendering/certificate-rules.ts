/** What Prometheus knows of certificates: when those end that `up` put in force, as a metric and as alerts. */

import { certificateHolders } from "../config/spec.ts";
import { type HostInput, renderFile } from "./host-input.ts";
import { yamlString } from "./quoting.ts";
import { tlsSecret } from "./tls.ts";
import { type PlannedFile, secretPlaceholder } from "./types.ts";

export const CERTIFICATE_RULES = "certificates.rules.yml";

const DAY_SECONDS = 86_400;
/** `up` makes a new one when less than a third is left; less than a quarter means that it did not run. */
const WARN_SHARE = 1 / 4;
const CRITICAL_SHARE = 1 / 12;

/** Undefined without TLS. */
export function certificateRules(input: HostInput): PlannedFile | undefined {
  const { spec } = input;
  if (!spec.tls) return undefined;
  const left = (share: number): number => Math.round(spec.tls!.validDays * share * DAY_SECONDS);
  return renderFile(
    input,
    "prometheus",
    CERTIFICATE_RULES,
    { change: "reload" },
    {
      clusterLabel: yamlString(spec.cluster.name),
      certificates: certificateHolders(spec).map(({ name }) => ({
        host: yamlString(name),
        notAfter: secretPlaceholder(tlsSecret(name, "notAfter")),
      })),
      warnSeconds: left(WARN_SHARE),
      criticalSeconds: left(CRITICAL_SHARE),
      // The braces are Prometheus's own.
      summary: yamlString("the certificate of {{ $labels.host }} ends in {{ $value | humanizeDuration }}"),
      remedy: yamlString(
        spec.tls.given
          ? "put a new certificate and its key under secrets, and run pulumi up"
          : "run pulumi up: it makes a new certificate",
      ),
    },
  );
}
