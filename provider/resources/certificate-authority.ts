/**
 * CertificateAuthority: the authorities of a cluster, by version. Changing the one that signs takes three runs, so that
 * nobody ever meets a certificate of an authority that it does not trust yet; skipping one is refused.
 */

import type { CertificateAuthorityInputs, CertificateAuthorityOutputs } from "../../infra/resources.ts";
import { type Issued, makeAuthority } from "../tls/issue.ts";
import type { CheckFailure, DiffResult, Resource } from "../types.ts";
import { diffValues } from "./diff-values.ts";

export const certificateAuthority: Resource<CertificateAuthorityInputs, CertificateAuthorityOutputs> = {
  secrets: ["keys", "key"],

  check(news): CheckFailure[] {
    return news.trusted.includes?.(news.signing) === false
      ? [{ property: "signing", reason: `version ${news.signing} signs and is not among the trusted ones` }]
      : [];
  },

  diff(olds, news): DiffResult {
    const detailed = diffValues(olds, news, ["signing", "trusted"]);
    if (olds.cluster !== news.cluster) detailed.cluster = { kind: "update-replace", inputDiff: true };
    return { changes: Object.keys(detailed).length > 0, detailed };
  },

  async create(news) {
    return { id: news.cluster, outputs: await withVersions(news, {}, {}) };
  },

  async read(id, olds, oldInputs) {
    return { id, inputs: oldInputs, outputs: olds };
  },

  async update(_id, olds, news) {
    const { signing, trusted } = news;
    if (signing !== olds.signing && !olds.trusted.includes(signing))
      throw new Error(
        `certificate authority ${signing} cannot sign before everybody trusts it. Set tls.caVersion: ${olds.signing} and tls.caTrusted: [${olds.signing}, ${signing}] and run up; then caVersion: ${signing}, and up; then remove caTrusted, and up.`,
      );
    if (!trusted.includes(olds.signing))
      throw new Error(
        `certificate authority ${olds.signing} has signed the certificates in use, so it has to be trusted until all are replaced. Set tls.caVersion: ${signing} and tls.caTrusted: [${olds.signing}, ${signing}] and run up; then remove caTrusted, and up.`,
      );
    return withVersions(news, olds.certificates, olds.keys);
  },

  // Nothing on any host.
  async delete() {},
};

async function withVersions(
  news: CertificateAuthorityInputs,
  certificates: Record<string, string>,
  keys: Record<string, string>,
): Promise<CertificateAuthorityOutputs> {
  const all: Record<string, Issued> = {};
  for (const version of news.trusted) {
    const [certificate, key] = [certificates[version], keys[version]];
    const known = certificate !== undefined && key !== undefined ? { certificate, key } : undefined;
    all[version] = known ?? (await makeAuthority(authorityName(news.cluster, version)));
  }
  const { certificate, key } = all[news.signing]!;
  return {
    ...news,
    certificates: mapOf(all, "certificate"),
    keys: mapOf(all, "key"),
    certificate,
    key,
    bundle: news.trusted.map((version) => all[version]!.certificate).join("\n"),
  };
}

/** A common name has at most 64 characters. */
export const authorityName = (cluster: string, version: number): string =>
  `${cluster.slice(0, 40)} authority ${version}`;

const mapOf = (all: Record<string, Issued>, part: keyof Issued): Record<string, string> =>
  Object.fromEntries(Object.entries(all).map(([version, issued]) => [version, issued[part]]));
