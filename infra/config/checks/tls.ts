/** TLS: off, or only offered, with a reason alone; given certificates complete, authorities in order. */

import type { Report } from "../problems.ts";
import type { Draft } from "../schema/fleet.ts";
import type { TlsSpec } from "../spec.ts";
import { nearest } from "../suggest.ts";

const PARTS = ["ca", "certificate", "key"] as const;

/** undefined: no TLS. */
export function resolveTls(draft: Draft, report: Report): TlsSpec | undefined {
  const given = draft.tls ?? {};
  const mode = given.mode ?? "on";
  const exception = given.exception?.trim();
  checkPlaintext(draft, exception, report);
  const parts = checkGiven(draft, mode === "given", report);
  if (mode === "off") return undefined;
  const caVersion = given.caVersion ?? 1;
  const caTrusted = (given.caTrusted ?? [caVersion]).filter((version) => version !== undefined);
  if (!caTrusted.includes(caVersion))
    report.add(
      ["tls", "caTrusted"],
      `leaves out ${caVersion}, which signs (caVersion): nobody would trust it. Write [${[...caTrusted, caVersion].join(", ")}].`,
    );
  return {
    required: given.required ?? true,
    clients: given.clients ?? "require",
    validDays: given.validDays ?? 365,
    renew: given.renew ?? 1,
    caVersion,
    caTrusted: [...caTrusted].sort((a, b) => a - b),
    ...(parts ? { given: parts } : {}),
  };
}

/** What may go between hosts in plain text, and what of `tls` says so. */
function checkPlaintext(draft: Draft, exception: string | undefined, report: Report): void {
  const key = draft.tls?.mode === "off" ? "mode" : draft.tls?.required === false ? "required" : undefined;
  if (key === undefined) {
    if (exception) report.warn("tls.exception is not needed: it is for mode off or required: false. Remove it.");
    return;
  }
  const [value, what] =
    key === "mode"
      ? ["off", "everything that applications read and write would be readable on the network"]
      : ["false", "replication and poolers would be let in without TLS, and nobody would check whom they talk to"];
  if (exception) report.warn(`tls.${key} is ${value} by exception: ${exception}`);
  else if (draft.platform !== "local" && draft.platform !== undefined)
    report.add(
      ["tls", key],
      `${value} is refused on platform ${draft.platform}: ${what}. Remove it, or write why it has to be: exception: "reason".`,
    );
}

/** Secrets that `tls` names: PEM, so line breaks are theirs. */
export const tlsSecrets = (draft: Draft): string[] => PARTS.flatMap((part) => draft.tls?.[part] ?? []);

function checkGiven(draft: Draft, wanted: boolean, report: Report): TlsSpec["given"] {
  const secrets = Object.keys(draft.secrets ?? {});
  for (const part of PARTS) {
    const name = draft.tls?.[part];
    if (name === undefined) {
      if (wanted && !report.has(["tls", part]))
        report.add(
          ["tls", part],
          `is missing: with mode given it names the entry under secrets that has the ${part === "ca" ? "authority's certificate" : part}, as PEM.`,
        );
    } else if (!wanted) report.add(["tls", part], "is for mode given. Write mode: given, or remove it.");
    else if (!secrets.includes(name) && !report.has(["secrets"])) {
      // The value is not shown: someone may have written the key itself.
      const near = nearest(name, secrets);
      report.add(
        ["tls", part],
        `names an entry that is not under secrets.${near === undefined ? "" : ` Did you mean "${near}"?`} Entries are: ${secrets.join(", ") || "none"}. To add one: pulumi config set --secret --path 'postgres-fleet:secrets.tls_${part}' < FILE.pem`,
      );
    }
  }
  const { ca, certificate, key } = draft.tls ?? {};
  return wanted && ca !== undefined && certificate !== undefined && key !== undefined
    ? { ca, certificate, key }
    : undefined;
}
