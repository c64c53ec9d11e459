/** The provider's resources by type token. */

import { certificate } from "./resources/certificate.ts";
import { certificateAuthority } from "./resources/certificate-authority.ts";
import { credential } from "./resources/credential.ts";
import { databaseObjects } from "./resources/database-objects.ts";
import { drain } from "./resources/drain.ts";
import { hostFiles } from "./resources/host-files.ts";
import { machine } from "./resources/machine.ts";
import { postgresInstance } from "./resources/postgres-instance.ts";
import { ready } from "./resources/ready.ts";
import { rollout } from "./resources/rollout.ts";
import { service } from "./resources/service.ts";
import type { Resource } from "./types.ts";

/** Inputs and outputs are the resource's own affair; the edge passes plain data through. */
// biome-ignore lint/suspicious/noExplicitAny: a map of resources with different inputs and outputs
export type AnyResource = Resource<any, any>;

export const resources = new Map<string, AnyResource>([
  ["pgfleet:index:Certificate", certificate],
  ["pgfleet:index:CertificateAuthority", certificateAuthority],
  ["pgfleet:index:Credential", credential],
  ["pgfleet:index:DatabaseObjects", databaseObjects],
  ["pgfleet:index:Drain", drain],
  ["pgfleet:index:HostFiles", hostFiles],
  ["pgfleet:index:Machine", machine],
  ["pgfleet:index:PostgresInstance", postgresInstance],
  ["pgfleet:index:Ready", ready],
  ["pgfleet:index:Rollout", rollout],
  ["pgfleet:index:Service", service],
]);

/** The resource of a type token or of the type inside a URN. Throws an error that names the known types. */
export function resourceFor(known: ReadonlyMap<string, AnyResource>, type: string, urn: string): AnyResource {
  const token = type === "" ? typeOf(urn) : type;
  const resource = known.get(token);
  if (resource !== undefined) return resource;
  const names = [...known.keys()].sort().join(", ") || "none";
  throw new Error(`the provider pgfleet has no resource of type "${token}"; it has: ${names}`);
}

/** `urn:pulumi:stack::project::parent$type::name` → type */
function typeOf(urn: string): string {
  return urn.split("::")[2]?.split("$").at(-1) ?? "";
}
