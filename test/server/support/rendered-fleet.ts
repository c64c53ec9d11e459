/**
 * A fleet from a config on real servers, without the engine: the files that the project renders, certificates of an
 * authority as it makes them, the catalog as its own resource makes it, replicas that stream and poolers that serve.
 */

import type { ChildProcess } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import * as path from "node:path";
import { catalogObjects, credentialNames } from "../../../infra/catalog.ts";
import type { RawConfig } from "../../../infra/config/load.ts";
import { type FleetSpec, type HostSpec, hostNamed, members } from "../../../infra/config/spec.ts";
import { planFleet } from "../../../infra/fleet.ts";
import { localLayout } from "../../../infra/platforms/layout.ts";
import { slotName } from "../../../infra/rendering/names.ts";
import { PORTS } from "../../../infra/rendering/ports.ts";
import { conninfo } from "../../../infra/rendering/quoting.ts";
import { projectTemplates } from "../../../infra/rendering/templates.ts";
import { replicationTls } from "../../../infra/rendering/tls-files.ts";
import type { HostLayout, HostPlan } from "../../../infra/rendering/types.ts";
import { scramVerifier } from "../../../provider/postgres/scram.ts";
import { databaseObjects } from "../../../provider/resources/database-objects.ts";
import { issueCertificate, makeAuthority } from "../../../provider/tls/issue.ts";
import { specOf } from "../../config/support.ts";
import { install, isRoot, missingPrograms, run, serverUser, stop, supervise, until } from "../rendered-host.ts";
import { listening } from "./catalog.ts";

const ROOT = path.resolve(import.meta.dirname, "../../..");
const DAYS = 30;

export class RenderedFleet {
  readonly spec: FleetSpec;
  readonly root = mkdtempSync("/tmp/pgf-fleet-");
  /** Role → password, made for this fleet alone. */
  readonly passwords: Record<string, string>;
  /** What clients trust, PEM; "" without TLS. */
  authority = "";
  readonly #layouts: Map<string, HostLayout>;
  readonly #plans: Map<string, HostPlan>;
  readonly #running: ChildProcess[] = [];

  /** @param adapt what a config cannot say, since here all hosts are one machine */
  constructor(raw: RawConfig, adapt: (spec: FleetSpec) => FleetSpec = (spec) => spec) {
    this.spec = adapt(specOf(raw).spec);
    const layout = (host: HostSpec): HostLayout =>
      localLayout(this.root, host, {
        version: this.spec.cluster.version,
        user: serverUser,
        supervisorUser: isRoot ? "root" : serverUser,
      });
    this.#layouts = new Map(this.spec.hosts.map((host) => [host.name, layout(host)]));
    this.#plans = planFleet(this.spec, this.#layouts, projectTemplates(ROOT)).plans;
    const secret = (): string => randomBytes(12).toString("hex");
    this.passwords = Object.fromEntries(credentialNames(this.spec).map((role) => [role, secret()]));
  }

  /** Programs that this machine lacks. */
  get missing(): string[] {
    const { postgresBin, pgbouncer, supervisord } = this.layout(this.spec.primary).programs;
    return missingPrograms({
      programs: { postgresBin, pgbouncer, supervisord } as HostLayout["programs"],
    } as HostLayout);
  }

  layout(host: string): HostLayout {
    return this.#layouts.get(host)!;
  }

  /** SQL as the superuser, through a member's own socket. */
  sql(member: string, query: string, database = "postgres"): string {
    const { run: socket, programs } = this.layout(member);
    const argv = ["-XAtq", "-v", "ON_ERROR_STOP=1", "-h", socket, "-U", "postgres", "-d", database, "-c", query];
    return run([path.join(programs.postgresBin, "psql"), ...argv]);
  }

  async start(): Promise<void> {
    const { spec } = this;
    run(["chmod", "0755", this.root]);
    const secrets = await this.#secrets();
    this.#put(spec.primary, secrets);
    this.#initdb();
    this.#supervise(spec.primary);
    await until("the primary answers", () => this.sql(spec.primary, "SELECT 1"));
    await this.#catalog(secrets);
    for (const member of members(spec).filter(({ name }) => name !== spec.primary)) this.#clone(member.name, secrets);
    for (const pooler of spec.pooler?.hosts ?? []) {
      this.#put(pooler, secrets);
      this.#supervise(pooler);
    }
    const replicas = members(spec).length - 1;
    const streaming = "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'";
    await until("replicas stream", () => this.sql(spec.primary, streaming) === String(replicas));
    for (const pooler of spec.pooler?.hosts ?? []) await until(`${pooler} answers`, () => this.#answers(pooler));
  }

  async stop(): Promise<void> {
    const results = await Promise.allSettled(this.#running.reverse().map(stop));
    rmSync(this.root, { recursive: true, force: true });
    const failed = results.find((result) => result.status === "rejected");
    if (failed) throw (failed as PromiseRejectedResult).reason;
  }

  async #secrets(): Promise<Record<string, string>> {
    const secrets: Record<string, string> = {};
    for (const [role, password] of Object.entries(this.passwords)) {
      secrets[`${role}.password`] = password;
      secrets[`${role}.verifier`] = scramVerifier(password);
    }
    if (!this.spec.tls) return secrets;
    const authority = await makeAuthority("authority of a test");
    this.authority = authority.certificate;
    for (const { name, address } of this.spec.hosts) {
      const issued = await issueCertificate(authority, { host: name, addresses: [address], days: DAYS });
      secrets[`${name}.ca`] = authority.certificate;
      secrets[`${name}.certificate`] = issued.certificate;
      secrets[`${name}.key`] = issued.key;
    }
    return secrets;
  }

  #put(host: string, secrets: Record<string, string>): void {
    const plan = this.#plans.get(host)!;
    // What belongs to the operating system stays as it is here.
    const components = plan.components.filter(({ name }) => name !== "os");
    install({ ...plan, components }, this.layout(host), secrets);
  }

  #supervise(host: string): void {
    this.#running.push(supervise(this.layout(host)));
  }

  #initdb(): void {
    const { data, programs } = this.layout(this.spec.primary);
    const argv = ["-D", data, "-U", "postgres", "--auth=reject", "--no-sync", "--locale=C.UTF-8", "--encoding=UTF8"];
    run([path.join(programs.postgresBin, "initdb"), ...argv], { as: serverUser });
  }

  async #catalog(secrets: Record<string, string>): Promise<void> {
    const { roles, ...rest } = catalogObjects(this.spec);
    const { address } = hostNamed(this.spec, this.spec.primary);
    const { home, run: socket, programs } = this.layout(this.spec.primary);
    await databaseObjects.create(
      {
        ...rest,
        cluster: this.spec.cluster.name,
        members: [
          {
            name: this.spec.primary,
            connection: {
              platform: "local",
              host: this.spec.primary,
              address,
              home,
              run: socket,
              user: serverUser,
            },
            port: PORTS.postgresql,
            binDirectory: programs.postgresBin,
          },
        ],
        roles: Object.fromEntries(
          Object.entries(roles).map(([name, role]) => [name, { ...role, credentialVersion: 1 }]),
        ),
        verifiers: Object.fromEntries(Object.keys(roles).map((name) => [name, secrets[`${name}.verifier`] ?? ""])),
      },
      listening(),
    );
  }

  #clone(member: string, secrets: Record<string, string>): void {
    const { data, current, programs } = this.layout(member);
    this.#put(member, secrets);
    this.sql(this.spec.primary, `SELECT pg_create_physical_replication_slot('${slotName(member)}')`);
    const files = path.join(current, "postgresql");
    const source = conninfo({
      host: hostNamed(this.spec, this.spec.primary).address,
      user: "pgfleet_replicator",
      passfile: path.join(files, "replication.passfile"),
      ...replicationTls(this.spec.tls, files),
    });
    const argv = ["-D", data, "-d", source, "-w", "-c", "fast", "--no-sync"];
    run([path.join(programs.postgresBin, "pg_basebackup"), ...argv], { as: serverUser });
    run(["touch", path.join(data, "standby.signal")], { as: serverUser });
    this.#supervise(member);
  }

  #answers(pooler: string): boolean {
    const { run: socket, programs } = this.layout(pooler);
    const argv = ["-XAtq", "-h", socket, "-p", String(this.spec.pooler!.port), "-U", "pgbouncer", "-d", "pgbouncer"];
    run([path.join(programs.postgresBin, "psql"), ...argv, "-c", "SHOW VERSION"], { as: serverUser });
    return true;
  }

  /** A file with what clients trust. */
  authorityFile(): string {
    const file = path.join(this.root, "root.crt");
    writeFileSync(file, this.authority);
    return file;
  }
}
