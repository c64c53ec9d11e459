/** The provider's resources as the program sees them: a class for each type token, inputs in, outputs out. */

import * as pulumi from "@pulumi/pulumi";
import type {
  CertificateAuthorityInputs,
  CertificateInputs,
  CredentialInputs,
  DatabaseObjectsInputs,
  DrainInputs,
  HostFilesInputs,
  HostFilesOutputs,
  MachineInputs,
  PostgresInstanceInputs,
  ReadyInputs,
  RolloutInputs,
  RolloutOutputs,
  ServiceInputs,
} from "./resources.ts";

/** The same with outputs anywhere in it. */
export type Inputs<T> = T extends object ? { [K in keyof T]: pulumi.Input<Inputs<T[K]>> } : T;
type Args<I> = { [K in keyof I]: pulumi.Input<Inputs<I[K]>> };

/** A password made once, or given, and its verifier. */
export class Credential extends pulumi.CustomResource {
  declare readonly password: pulumi.Output<string>;
  declare readonly verifier: pulumi.Output<string>;
  declare readonly version: pulumi.Output<number>;
  constructor(name: string, args: Args<CredentialInputs>, options?: pulumi.CustomResourceOptions) {
    super(
      "pgfleet:index:Credential",
      name,
      { password: undefined, verifier: undefined, version: undefined, ...args },
      { ...options, additionalSecretOutputs: ["password", "verifier"] },
    );
  }
}

/** The certificate authorities of a cluster. */
export class CertificateAuthority extends pulumi.CustomResource {
  declare readonly certificate: pulumi.Output<string>;
  declare readonly key: pulumi.Output<string>;
  declare readonly bundle: pulumi.Output<string>;
  constructor(name: string, args: Args<CertificateAuthorityInputs>, options?: pulumi.CustomResourceOptions) {
    super(
      "pgfleet:index:CertificateAuthority",
      name,
      { certificates: undefined, keys: undefined, certificate: undefined, key: undefined, bundle: undefined, ...args },
      { ...options, additionalSecretOutputs: ["keys", "key"] },
    );
  }
}

/** What one host shows and trusts. */
export class Certificate extends pulumi.CustomResource {
  declare readonly ca: pulumi.Output<string>;
  declare readonly certificate: pulumi.Output<string>;
  declare readonly key: pulumi.Output<string>;
  declare readonly notAfter: pulumi.Output<string>;
  declare readonly version: pulumi.Output<number>;
  constructor(name: string, args: Args<CertificateInputs>, options?: pulumi.CustomResourceOptions) {
    super(
      "pgfleet:index:Certificate",
      name,
      { ca: undefined, certificate: undefined, key: undefined, notAfter: undefined, version: undefined, ...args },
      { ...options, additionalSecretOutputs: ["key"] },
    );
  }
}

/** A host that is a machine of its own: as large as declared, with its packages. */
export class Machine extends pulumi.CustomResource {
  declare readonly installed: pulumi.Output<Record<string, string>>;
  constructor(name: string, args: Args<MachineInputs>, options?: pulumi.CustomResourceOptions) {
    super("pgfleet:index:Machine", name, { installed: undefined, ...args }, options);
  }
}

/** A host is emptied before its machine changes. */
export class Drain extends pulumi.CustomResource {
  /** Type that the machine may have now; known in previews. */
  declare readonly type: pulumi.Output<string>;
  /** Image that it is made from; known in previews. */
  declare readonly machineImage: pulumi.Output<string>;
  constructor(name: string, args: Args<DrainInputs>, options?: pulumi.CustomResourceOptions) {
    super("pgfleet:index:Drain", name, { type: undefined, machineImage: undefined, ...args }, options);
  }
}

/** Its machine is up again, with its volume and what it served. */
export class Ready extends pulumi.CustomResource {
  constructor(name: string, args: Args<ReadyInputs>, options?: pulumi.CustomResourceOptions) {
    super("pgfleet:index:Ready", name, args, options);
  }
}

/** The staged files of one host. */
export class HostFiles extends pulumi.CustomResource {
  declare readonly staged: pulumi.Output<HostFilesOutputs["staged"]>;
  declare readonly repairs: pulumi.Output<HostFilesOutputs["repairs"]>;
  constructor(name: string, args: Args<HostFilesInputs>, options?: pulumi.CustomResourceOptions) {
    super(
      "pgfleet:index:HostFiles",
      name,
      { staged: undefined, repairs: undefined, ...args },
      { ...options, additionalSecretOutputs: ["secrets"] },
    );
  }
}

/** A daemon whose changes need no order with the servers. */
export class Service extends pulumi.CustomResource {
  constructor(name: string, args: Args<ServiceInputs>, options?: pulumi.CustomResourceOptions) {
    super("pgfleet:index:Service", name, args, options);
  }
}

/** A member's home; for the first member also the cluster's data. */
export class PostgresInstance extends pulumi.CustomResource {
  constructor(name: string, args: Args<PostgresInstanceInputs>, options?: pulumi.CustomResourceOptions) {
    super("pgfleet:index:PostgresInstance", name, args, options);
  }
}

/** Databases, roles, grants and extensions, through the primary's local socket. */
export class DatabaseObjects extends pulumi.CustomResource {
  constructor(name: string, args: Args<DatabaseObjectsInputs>, options?: pulumi.CustomResourceOptions) {
    super("pgfleet:index:DatabaseObjects", name, args, { ...options, additionalSecretOutputs: ["verifiers"] });
  }
}

/** One per cluster: puts generations in force, in order. */
export class Rollout extends pulumi.CustomResource {
  declare readonly observed: pulumi.Output<RolloutOutputs["observed"]>;
  declare readonly systemIdentifier: pulumi.Output<string>;
  constructor(name: string, args: Args<RolloutInputs>, options?: pulumi.CustomResourceOptions) {
    super("pgfleet:index:Rollout", name, { observed: undefined, systemIdentifier: undefined, ...args }, options);
  }
}
