/** Every secret that files ask for: passwords, generated or given under `secrets` of the stack config, and certificates. */

import * as pulumi from "@pulumi/pulumi";
import type { FleetSpec } from "../config/spec.ts";
import { credentialNames } from "../fleet.ts";
import { Credential } from "../pgfleet.ts";
import { generationHash, secretNames } from "../rendering/generation.ts";
import { TLS_FILES, type TlsPart } from "../rendering/tls-files.ts";
import type { FileInput } from "../resources.ts";
import type { Certificates } from "./certificates.ts";

export interface CredentialsArgs {
  spec: FleetSpec;
  /** Name → password, for roles that name one; secret. */
  given: pulumi.Output<Record<string, string>>;
  certificates: Certificates;
}

export class Credentials extends pulumi.ComponentResource {
  readonly byRole = new Map<string, Credential>();
  readonly #certificates: Certificates;

  constructor(name: string, args: CredentialsArgs, options?: pulumi.ComponentResourceOptions) {
    super("pgfleet:components:Credentials", name, {}, options);
    this.#certificates = args.certificates;
    for (const role of credentialNames(args.spec)) {
      const declared = args.spec.roles.find((r) => r.name === role);
      const source = declared?.password;
      const password =
        source?.kind === "secret" ? { password: args.given.apply((secrets) => secrets[source.name]!) } : {};
      const rotation = declared?.passwordVersion ?? 1;
      this.byRole.set(role, new Credential(role, { role, rotation, ...password }, { parent: this }));
    }
    this.registerOutputs();
  }

  /**
   * Secrets that these files ask for by `role.password`, `role.verifier`, `host.ca`, `host.certificate`, `host.key`
   * or `host.notAfter`, and the version of each.
   */
  wanted(components: Record<string, Record<string, FileInput>>): {
    secrets: pulumi.Output<Record<string, string>>;
    versions: pulumi.Output<Record<string, number>>;
  } {
    const names = [
      ...new Set(
        Object.values(components).flatMap((files) => Object.values(files).flatMap((file) => secretNames(file.body))),
      ),
    ].sort();
    const secrets: Record<string, pulumi.Output<string>> = {};
    const versions: Record<string, pulumi.Output<number>> = {};
    for (const name of names) {
      const { value, version } = this.#source(name);
      secrets[name] = value;
      versions[name] = version;
    }
    return { secrets: pulumi.secret(pulumi.all(secrets)), versions: pulumi.all(versions) };
  }

  /** Hash of a component's files as they will be staged, the versions of their secrets among them; known in previews too. */
  generation(files: Record<string, FileInput>): pulumi.Output<string> {
    return this.wanted({ files }).versions.apply((versions) => generationHash(files, versions));
  }

  /** Role → SCRAM verifier; secret. */
  verifiers(): pulumi.Output<Record<string, string>> {
    return pulumi.secret(
      pulumi.all(Object.fromEntries([...this.byRole].map(([role, credential]) => [role, credential.verifier]))),
    );
  }

  version(role: string): pulumi.Output<number> {
    return this.byRole.get(role)?.version ?? pulumi.output(0);
  }

  #source(name: string): { value: pulumi.Output<string>; version: pulumi.Output<number> } {
    const at = name.lastIndexOf(".");
    const [owner, part] = [name.slice(0, at), name.slice(at + 1)];
    if (part === "notAfter" || Object.hasOwn(TLS_FILES, part)) {
      const certificate = this.#certificates.byHost.get(owner);
      if (!certificate) throw new Error(`a template asks for the secret "${name}"; host ${owner} has no certificate`);
      const { notAfter, version } = certificate;
      const seconds = (time: string): string => String(Date.parse(time) / 1000);
      return { value: part === "notAfter" ? notAfter.apply(seconds) : certificate[part as TlsPart], version };
    }
    const credential = this.#credential(owner, name);
    return { value: part === "password" ? credential.password : credential.verifier, version: credential.version };
  }

  #credential(role: string, name: string): Credential {
    const credential = this.byRole.get(role);
    if (!credential)
      throw new Error(
        `a template asks for the secret "${name}"; there are credentials for ${[...this.byRole.keys()].join(", ")}`,
      );
    return credential;
  }
}
