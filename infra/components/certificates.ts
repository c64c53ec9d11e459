/** The authority of the cluster and a certificate for each member and pooler; or the given ones. */

import * as pulumi from "@pulumi/pulumi";
import { certificateHolders, type FleetSpec } from "../config/spec.ts";
import { Certificate, CertificateAuthority } from "../pgfleet.ts";

export interface CertificatesArgs {
  spec: FleetSpec;
  /** Name → value, for certificates that are given; secret. */
  given: pulumi.Output<Record<string, string>>;
}

export class Certificates extends pulumi.ComponentResource {
  readonly byHost = new Map<string, Certificate>();
  /** What clients trust, PEM; undefined without TLS. */
  readonly roots: pulumi.Output<string> | undefined;

  constructor(name: string, args: CertificatesArgs, options?: pulumi.ComponentResourceOptions) {
    super("pgfleet:components:Certificates", name, {}, options);
    const { spec } = args;
    const { tls } = spec;
    if (tls) {
      const source = tls.given ? this.#given(tls.given, args.given) : this.#issued(spec, tls);
      for (const host of certificateHolders(spec)) {
        const certificate = new Certificate(
          host.name,
          { host: host.name, addresses: [host.address], validDays: tls.validDays, renew: tls.renew, ...source },
          { parent: this },
        );
        this.byHost.set(host.name, certificate);
        this.roots ??= certificate.ca;
      }
    }
    this.registerOutputs();
  }

  #given(names: { ca: string; certificate: string; key: string }, secrets: CertificatesArgs["given"]) {
    return {
      given: pulumi.secret(
        secrets.apply((all) => ({ ca: all[names.ca]!, certificate: all[names.certificate]!, key: all[names.key]! })),
      ),
    };
  }

  #issued(spec: FleetSpec, tls: NonNullable<FleetSpec["tls"]>) {
    const { certificate, key, bundle } = new CertificateAuthority(
      spec.cluster.name,
      { cluster: spec.cluster.name, signing: tls.caVersion, trusted: tls.caTrusted },
      { parent: this },
    );
    return {
      authority: pulumi.secret(
        pulumi
          .all([certificate, key, bundle])
          .apply(([one, its, all]) => ({ certificate: one, key: its, bundle: all })),
      ),
    };
  }
}
