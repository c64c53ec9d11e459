/** Rules of `hba` and maps of `ident`: what they name exists, nothing weak without a reason, none that never decides. */

import { isIPv4, isIPv6 } from "node:net";
import { addressesOf, appliesTo, type HbaSource } from "../../rendering/hba-lines.ts";
import { EXPORTER_ROLE, REPLICATION_ROLE, SUPERUSER } from "../../rendering/names.ts";
import { networkProblem } from "../network.ts";
import type { Path, Report } from "../problems.ts";
import { RULE_ORDER } from "../schema/access.ts";
import type { Draft } from "../schema/fleet.ts";
import { type HbaMethod, type HbaRuleSpec, type IdentSpec, isMember } from "../spec.ts";
import { didYouMean, nearest } from "../suggest.ts";
import { checkDecisions } from "./hba-decisions.ts";

const ALIASES = ["cluster", "pooler", "monitoring", "app", "admin", "socket"];
const OWN_ROLES = [SUPERUSER, EXPORTER_ROLE, REPLICATION_ROLE];
const WEAK: ReadonlySet<string> = new Set(["md5", "password", "trust", "ident"]);
/** What an alias means when there is none of it, to follow "means". */
const NONE: Record<string, string> = {
  pooler: "the hosts that run PgBouncer, and there are none",
  monitoring: "the hosts that run Prometheus, and there are none",
  app: "allowedNetworks, which is empty",
  admin: "adminNetworks, which is empty",
};
/** Options that a method knows and that are safe to set. */
const OPTIONS: Partial<Record<HbaMethod, string[]>> = { peer: ["map"], ident: ["map"], cert: ["map", "clientname"] };

export interface Access {
  hba: HbaRuleSpec[];
  ident: IdentSpec[];
}

/** What of the fleet is resolved before; the rest is taken from the draft. */
type Resolved = Pick<HbaSource, "hosts" | "primary"> & {
  pooler: HbaSource["pooler"] | undefined;
  monitoring: HbaSource["monitoring"] | undefined;
  tls: HbaSource["tls"] | undefined;
};

/** Call last: whether a rule decides anything is looked at only when nothing else is wrong. */
export function resolveAccess(draft: Draft, fleet: Resolved, report: Report): Access {
  const source = sourceOf(draft, fleet);
  const ident = resolveIdent(draft, report);
  const hba = (draft.hba ?? []).flatMap((given, index): HbaRuleSpec[] => {
    const { database, user, from, method } = given ?? {};
    if (!database || !user || !from || !method) return [];
    const rule: HbaRuleSpec = {
      index,
      databases: defined(database),
      users: defined(user),
      from: [...new Set(defined(from))],
      method,
      options: Object.fromEntries(Object.entries(given.options ?? {}).filter((e): e is [string, string] => !!e[1])),
      order: given.order ?? RULE_ORDER.default,
      ...(given.hosts ? { hosts: defined(given.hosts) } : {}),
      ...(given.role ? { role: given.role } : {}),
      ...(given.comment ? { comment: given.comment } : {}),
      ...(given.exception?.trim() ? { exception: given.exception.trim() } : {}),
    };
    checkRule(rule, draft, source, ident, report);
    return [rule];
  });
  if (hba.length > 0 && report.problems.length === 0) checkDecisions({ ...source, hba }, report);
  return { hba, ident };
}

function sourceOf(draft: Draft, { hosts, primary, pooler, monitoring, tls }: Resolved): HbaSource {
  return {
    platform: draft.platform ?? "local",
    hosts,
    primary,
    ...(pooler ? { pooler } : {}),
    ...(monitoring ? { monitoring } : {}),
    ...(tls ? { tls } : {}),
    databases: Object.keys(draft.databases ?? {}).map((name) => ({ name })),
    roles: Object.entries(draft.roles ?? {}).flatMap(([name, role]) => {
      const one = {
        name,
        login: role?.login !== false,
        access: role?.access ?? "none",
        ...(role?.databases ? { databases: [...defined(role.databases), ...Object.keys(role.grants ?? {})] } : {}),
      };
      return role?.alternate === undefined ? [one] : [one, { ...one, name: role.alternate, alternateOf: name }];
    }),
    allowedNetworks: defined(draft.allowedNetworks ?? []),
    adminNetworks: defined(draft.adminNetworks ?? []),
  };
}

function checkRule(rule: HbaRuleSpec, draft: Draft, source: HbaSource, ident: IdentSpec[], report: Report): void {
  const path: Path = ["hba", rule.index];
  const roles = Object.keys(draft.roles ?? {});
  const databases = Object.keys(draft.databases ?? {});
  for (const name of rule.databases) {
    if (["all", "replication", SUPERUSER, ...databases].includes(name)) continue;
    report.add(
      [...path, "database"],
      `"${name}" is not under databases.${didYouMean(name, databases)} Allowed are: all, replication, postgres${databases.map((d) => `, ${d}`).join("")}.`,
    );
  }
  for (const user of rule.users) {
    const name = user.replace(/^\+/, "");
    if (user === "all" || roles.includes(name)) continue;
    report.add(
      [...path, "user"],
      OWN_ROLES.includes(name)
        ? `"${name}" is the project's own role; its lines are derived, and it comes no other way. Name a role under roles.`
        : `"${name}" is not under roles.${didYouMean(name, roles)} Allowed are: all${roles.map((r) => `, ${r}`).join("")}, or +NAME for a role and its members.`,
    );
  }
  for (const from of rule.from) checkFrom(rule, from, source, report);
  checkMethod(rule, ident, source, report);
  const members = source.hosts.filter(isMember);
  const names = members.map((host) => host.name);
  rule.hosts?.forEach((name) => {
    if (names.includes(name)) return;
    report.add(
      [...path, "hosts"],
      `names "${name}", which is no member.${didYouMean(name, names)} Members are: ${names.join(", ") || "none"}.`,
    );
  });
  if (rule.hosts?.every((name) => names.includes(name)) && !members.some((m) => appliesTo(rule, m, source.primary)))
    report.add(path, `is for no member: none of ${rule.hosts.join(", ")} is ${rule.role}. Remove hosts or role.`);
  if (rule.exception === undefined) return;
  if (needsException(rule))
    report.warn(`hba[${rule.index}] lets ${rule.users.join(", ")} in by exception: ${rule.exception}`);
  else report.warn(`hba[${rule.index}].exception is not needed: the rule allows nothing weak. Remove it.`);
}

function checkFrom(rule: HbaRuleSpec, from: string, source: HbaSource, report: Report): void {
  const path: Path = ["hba", rule.index, "from"];
  if (ALIASES.includes(from)) {
    if (addressesOf(source, from)?.length === 0 && !report.has([from === "app" ? "allowedNetworks" : from]))
      report.add(path, `"${from}" means ${NONE[from] ?? "hosts, and there are none"}. Remove it, or add some.`);
    if (from !== "socket" && rule.method === "reject" && source.platform === "local")
      report.add(
        path,
        `"${from}" with method reject: on platform local every host is 127.0.0.1, so this would refuse the whole fleet. Remove the rule.`,
      );
    return;
  }
  if (isEveryone(from)) {
    if (rule.exception === undefined && rule.method !== "reject")
      report.add(
        path,
        `"${from}" is everyone. Name the networks that they connect from, e.g. "10.20.0.0/16", or write why it has to be: exception: "reason".`,
      );
    return;
  }
  const [address = ""] = from.split("/");
  const problem = isIPv4(address) || isIPv6(address) ? networkProblem(from) : notAnAddress(from);
  if (problem !== undefined) report.add(path, problem);
}

function notAnAddress(from: string): string {
  const near = nearest(from, ALIASES);
  const advice =
    near === undefined
      ? "Names of hosts are refused: PostgreSQL would ask DNS at every login, and whoever answers it decides. Write the network."
      : `Did you mean "${near}"?`;
  return `"${from}" is neither a network nor one of ${ALIASES.join(", ")}. ${advice}`;
}

function checkMethod(rule: HbaRuleSpec, ident: IdentSpec[], { tls }: HbaSource, report: Report): void {
  const { index, method } = rule;
  const path: Path = ["hba", index, "method"];
  const overSocket = rule.from.includes("socket");
  const overTcp = rule.from.some((from) => from !== "socket");
  if (method === "peer" && overTcp)
    report.add(path, "peer works through the unix socket only. Write from: socket, or method scram-sha-256.");
  else if (method === "ident" && overSocket)
    report.add(path, "ident is for TCP; through the socket it is called peer. Write method: peer.");
  else if (method === "cert" && overSocket) report.add(path, "cert is for TCP. Write peer for the socket.");
  else if (method === "cert" && !tls?.given)
    report.add(
      path,
      `cert needs certificates of clients, ${tls ? "which the cluster's own authority does not make: give certificates (tls.mode: given)" : "and this fleet has no TLS"}. Or write scram-sha-256.`,
    );
  else if (WEAK.has(method) && rule.exception === undefined)
    report.add(
      path,
      `${method} is refused: ${weakness(method)}. Write scram-sha-256, or why it has to be: exception: "reason".`,
    );
  const known = OPTIONS[method] ?? [];
  for (const [name, value] of Object.entries(rule.options)) {
    if (!known.includes(name))
      report.add(
        ["hba", index, "options", name],
        `is no option of ${method}. ${known.length > 0 ? `It has: ${known.join(", ")}.` : "It has none."}`,
      );
    else if (name === "map" && !ident.some(({ map }) => map === value))
      report.add(
        ["hba", index, "options", name],
        `"${value}" is no map under ident.${didYouMean(
          value,
          ident.map(({ map }) => map),
        )} To add it: ident: [{ map: ${value}, osUser: anna, role: NAME }]`,
      );
  }
}

function weakness(method: string): string {
  if (method === "trust") return "anybody may say that they are this role";
  if (method === "ident") return "the client's own machine says who it is";
  if (method === "password") return "the password is readable on the wire";
  return "the password's MD5 hash is as good as the password";
}

/** Everyone's address, or a method that proves little. */
export function needsException(rule: HbaRuleSpec): boolean {
  return WEAK.has(rule.method) || (rule.method !== "reject" && rule.from.some(isEveryone));
}

function isEveryone(from: string): boolean {
  const [address = "", prefix] = from.split("/");
  return prefix === "0" && (isIPv4(address) || isIPv6(address)) && /^[0.:]+$/.test(address);
}

function resolveIdent(draft: Draft, report: Report): IdentSpec[] {
  const roles = Object.keys(draft.roles ?? {});
  const seen = new Set<string>();
  return (draft.ident ?? []).flatMap((given, index): IdentSpec[] => {
    const { map, osUser, role } = given ?? {};
    if (!map || !osUser || !role) return [];
    if (!roles.includes(role))
      report.add(
        ["ident", index, "role"],
        `"${role}" is not under roles.${didYouMean(role, roles)} Roles are: ${roles.join(", ") || "none"}.`,
      );
    const key = [map, osUser, role].join(" ");
    if (seen.has(key)) report.add(["ident", index], `is there twice: ${key}. Remove one.`);
    seen.add(key);
    return [{ map, osUser, role }];
  });
}

const defined = (list: readonly (string | undefined)[]): string[] => list.filter((item) => item !== undefined);
