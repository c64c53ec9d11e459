/**
 * Certificate: what one host shows and trusts. Issued by the cluster's authority, and anew when less than a third of
 * its life is left; or given. `version` changes exactly when one of its parts does.
 */

import type { CertificateInputs, CertificateOutputs } from "../../infra/resources.ts";
import { certificatesIn, daysUntil, endOf, givenProblems, renewalDue } from "../tls/inspect.ts";
import { issueCertificate } from "../tls/issue.ts";
import { type CheckFailure, type Context, type DiffResult, type Resource, UNKNOWN } from "../types.ts";
import { diffValues } from "./diff-values.ts";

const KEYS = ["authority", "given", "addresses", "validDays", "renew"] as const;

export const certificate: Resource<CertificateInputs, CertificateOutputs> = {
  secrets: ["authority", "given", "key"],

  check({ given, host, addresses }): CheckFailure[] {
    const known = [given, given?.ca, given?.certificate, given?.key, host, addresses].every(
      (value) => (value as unknown) !== UNKNOWN,
    );
    if (!given || !known) return [];
    return givenProblems(given, { name: host, addresses }, new Date()).map(({ part, reason }) => ({
      property: `given.${part}`,
      reason: `tls.${part} ${reason}`,
    }));
  },

  diff(olds, news): DiffResult {
    const detailed = diffValues(olds, news, KEYS);
    if (olds.host !== news.host) detailed.host = { kind: "update-replace", inputDiff: true };
    if (!news.given && renewalDue(olds.certificate, new Date()))
      detailed.notAfter = { kind: "update", inputDiff: false };
    return { changes: Object.keys(detailed).length > 0, detailed };
  },

  async create(news, context) {
    return { id: news.host, outputs: await withVersion(news, await issue(news, context), 0) };
  },

  async read(id, olds, oldInputs) {
    return { id, inputs: oldInputs, outputs: olds };
  },

  async update(_id, olds, news, context) {
    const anew =
      news.given !== undefined ||
      olds.authority?.certificate !== news.authority?.certificate ||
      Object.keys(diffValues(olds, news, ["addresses", "validDays", "renew"])).length > 0 ||
      renewalDue(olds.certificate, new Date());
    const parts = anew ? await issue(news, context) : { ...olds, ca: news.authority!.bundle };
    const same = parts.ca === olds.ca && parts.certificate === olds.certificate && parts.key === olds.key;
    return withVersion(news, parts, olds.version, same);
  },

  // Nothing on any host but in files, which go with their component.
  async delete() {},
};

type Parts = Pick<CertificateOutputs, "ca" | "certificate" | "key">;

async function issue(news: CertificateInputs, context: Context): Promise<Parts> {
  const { authority, given, host, addresses, validDays } = news;
  if (given) return { ca: given.ca.trim(), certificate: given.certificate.trim(), key: given.key.trim() };
  if (!authority) throw new Error(`host ${host} has neither an authority nor a given certificate`);
  // A certificate that outlives its authority is not valid after it anyway.
  const left = daysUntil(endOf(authority.certificate), new Date());
  if (left < 1)
    throw new Error(
      `the certificate authority ended ${endOf(authority.certificate)} and can sign nothing more: make another one (tls.caVersion, docs/access.md)`,
    );
  if (left < validDays)
    context.log(
      "warning",
      `the certificate authority ends in ${left} days, and with it what it signs: make another one (tls.caVersion, docs/access.md)`,
    );
  const issued = await issueCertificate(authority, { host, addresses, days: Math.min(validDays, left) });
  return { ca: authority.bundle, ...issued };
}

async function withVersion(
  news: CertificateInputs,
  { ca, certificate: pem, key }: Parts,
  last: number,
  same = false,
): Promise<CertificateOutputs> {
  // As with passwords: a version that was never used before, also where the state that knew the last one is lost.
  const version = same ? last : Math.max(last + 1, Math.floor(Date.now() / 1000));
  const notAfter = new Date(certificatesIn(pem)[0]!.validTo).toISOString();
  return { ...news, ca, certificate: pem, key, notAfter, version };
}
