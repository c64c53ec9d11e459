/** Databases, roles and secrets: what refers to what. */

import { networkKey } from "../network.ts";
import type { Path, Report } from "../problems.ts";
import type { Draft } from "../schema/fleet.ts";
import { didYouMean, nearest } from "../suggest.ts";
import { tlsSecrets } from "./tls.ts";

type DraftDatabase = NonNullable<NonNullable<Draft["databases"]>[string]>;

export function checkDatabases(draft: Draft, report: Report): void {
  const roles = Object.keys(draft.roles ?? {});
  const databases = Object.keys(draft.databases ?? {});
  for (const [name, database] of Object.entries(draft.databases ?? {})) {
    const path = ["databases", name];
    const base = name.endsWith("_ro") ? name.slice(0, -3) : undefined;
    if (base !== undefined && databases.includes(base)) {
      report.add(path, `"${name}" is what the pooler calls the replicas of "${base}". Choose another name.`);
    }
    checkExtensionSchemas(database, path, report);
    const owner = database?.owner;
    if (owner === undefined) continue;
    if (!roles.includes(owner)) {
      report.add(
        [...path, "owner"],
        `"${owner}" is not under roles.${didYouMean(owner, roles)} Roles are: ${roles.join(", ") || "none"}. To add it:\n  postgres-fleet:roles:\n    ${owner}: { access: owner, login: false }`,
      );
      continue;
    }
    const access = draft.roles?.[owner]?.access;
    if (access !== undefined && access !== "owner") {
      report.add(
        [...path, "owner"],
        `"${owner}" has access ${access}, but an owner can do everything. Write roles.${owner}.access: owner, or name another owner.`,
      );
    }
  }
}

function checkExtensionSchemas(database: DraftDatabase | undefined, path: Path, report: Report): void {
  const schemas = ["public", ...(database?.schemas ?? [])];
  const extensions = database?.extensions ?? [];
  for (const [extension, schema] of Object.entries(database?.extensionSchemas ?? {})) {
    const at = [...path, "extensionSchemas", extension];
    if (!extensions.includes(extension))
      report.add(at, `is about an extension that is not under extensions.${didYouMean(extension, extensions)}`);
    else if (schema !== undefined && !schemas.includes(schema))
      report.add(
        at,
        `"${schema}" is not a schema of the database.${didYouMean(schema, schemas)} Schemas are: ${schemas.join(", ")}.`,
      );
  }
}

export function checkRoles(draft: Draft, report: Report): void {
  const secrets = Object.keys(draft.secrets ?? {});
  const owners = new Set(Object.values(draft.databases ?? {}).map((database) => database?.owner));
  for (const [name, role] of Object.entries(draft.roles ?? {})) {
    if (role === undefined) continue;
    const path = ["roles", name, "passwordSecret"];
    if (role.passwordSecret !== undefined) {
      // The value is not shown: someone may have written the password itself.
      const near = nearest(role.passwordSecret, secrets);
      if (!secrets.includes(role.passwordSecret) && !report.has(["secrets"])) {
        report.add(
          path,
          `names an entry that is not under secrets.${near === undefined ? "" : ` Did you mean "${near}"?`} Entries are: ${secrets.join(", ") || "none"}. To add one: pulumi config set --secret --path 'postgres-fleet:secrets.${name}'`,
        );
      }
      if (role.login === false)
        report.add(path, `is set, but role ${name} has login: false and needs no password. Remove one of the two.`);
    }
    if (role.access === "owner" && !owners.has(name))
      report.warn(`role ${name} has access owner, but owns no database.`);
  }
}

export function checkSecrets(draft: Draft, report: Report): void {
  const pem = tlsSecrets(draft);
  const used = new Set([...Object.values(draft.roles ?? {}).map((role) => role?.passwordSecret), ...pem]);
  for (const [name, value] of Object.entries(draft.secrets ?? {})) {
    if (!used.has(name)) report.warn(`secrets.${name} is used by no role.`);
    if (pem.includes(name)) continue;
    // What every file that will hold it can carry; an encrypted value is seen by the engine only.
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
    if (value === "" || /[\u0000-\u001f\u007f]/.test(value ?? "")) {
      report.add(
        ["secrets", name],
        "is empty, or has a line break or another control character in it. Set it again without: pulumi config set --secret --path " +
          `'postgres-fleet:secrets.${name}'`,
      );
    }
  }
}

export function checkNetworks(draft: Draft, report: Report): void {
  const seen = new Map<string, string>();
  draft.allowedNetworks?.forEach((network) => {
    const key = networkKey(network);
    const other = seen.get(key);
    if (other !== undefined && other !== network)
      report.add(["allowedNetworks"], `has ${network} and ${other}, which are the same network; remove one.`);
    seen.set(key, network);
    const prefix = Number(network.split("/")[1]);
    if (key.startsWith("4:") && prefix < 8) report.warn(`allowedNetworks: ${network} is a large part of the internet.`);
  });
}

export function checkStateDir(draft: Draft, report: Report): void {
  if (draft.stateDir === undefined || draft.platform === undefined || draft.platform === "local") return;
  report.add(["stateDir"], `is for platform local only, and the platform is ${draft.platform}. Remove it.`);
}
