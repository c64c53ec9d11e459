/** Every password of the fleet: generated, or given under `secrets` in the stack config. */

import * as pulumi from "@pulumi/pulumi";
import type { FleetSpec } from "../config/spec.ts";
import { credentialNames } from "../fleet.ts";
import { Credential } from "../pgfleet.ts";
import { secretNames } from "../rendering/generation.ts";
import type { FileInput } from "../resources.ts";

export interface CredentialsArgs {
  spec: FleetSpec;
  /** Name → password, for roles that name one; secret. */
  given: pulumi.Output<Record<string, string>>;
}

export class Credentials extends pulumi.ComponentResource {
  readonly byRole = new Map<string, Credential>();

  constructor(name: string, args: CredentialsArgs, options?: pulumi.ComponentResourceOptions) {
    super("pgfleet:components:Credentials", name, {}, options);
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

  /** Secrets that these files ask for by `role.password` or `role.verifier`, and the version of each. */
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
      const at = name.lastIndexOf(".");
      const credential = this.#credential(name.slice(0, at), name);
      secrets[name] = name.endsWith(".password") ? credential.password : credential.verifier;
      versions[name] = credential.version;
    }
    return { secrets: pulumi.secret(pulumi.all(secrets)), versions: pulumi.all(versions) };
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

  #credential(role: string, name: string): Credential {
    const credential = this.byRole.get(role);
    if (!credential)
      throw new Error(
        `a template asks for the secret "${name}"; there are credentials for ${[...this.byRole.keys()].join(", ")}`,
      );
    return credential;
  }
}
