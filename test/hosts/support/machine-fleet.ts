/** A fleet whose hosts boot: what tests ask of them, whoever made the machines. */

import { randomBytes } from "node:crypto";
import * as fs from "node:fs";
import * as path from "node:path";
import { TestFleet } from "../../e2e/support/fleet.ts";

const ROOTS = "/etc/application-roots.crt";
/** An application checks whom it speaks to. Sockets have no TLS. */
export const VERIFIED = ["HOME=/var/lib/postgresql", "PGSSLMODE=verify-full", `PGSSLROOTCERT=${ROOTS}`];

export abstract class MachineFleet extends TestFleet {
  /** A command as root on a host, not over ssh. */
  abstract exec(host: string, argv: string[], input?: string): string;
  abstract removeMachines(): void;

  /** Stacks that are not local are made by hand; in a folder of its own, where `stack init` may write. */
  async init(): Promise<void> {
    const folder = path.join(this.dir, "project");
    fs.mkdirSync(folder);
    fs.writeFileSync(path.join(folder, "Pulumi.yaml"), "name: postgres-fleet\nruntime: nodejs\n");
    const { code, text } = await this.pulumi("-C", folder, "stack", "init", "--no-select", "--non-interactive");
    if (code !== 0) throw new Error(`stack init ended with ${code}:\n${text}`);
    fs.copyFileSync(path.join(folder, `Pulumi.${this.stack}.yaml`), this.configFile);
  }

  addressOf(host: string): string {
    return String(this.config.hosts[host]!.address);
  }

  override home(host: string): string {
    return `/var/lib/pgfleet/${this.stack}/${host}`;
  }

  unit(host: string, service: string): string {
    return `pgfleet-${this.stack}-${host}-${service}.service`;
  }

  override sql(host: string, query: string, database = "postgres"): string {
    return this.psql(host, [["-h", `${this.home(host)}/run`, "-p", "5432", "-U", "postgres", "-d", database], query]);
  }

  /** As an application, through PgBouncer; the password goes through a file that only the server's user reads. */
  pooled(user: string, password: string, query: string): string {
    const file = `/run/passfile-${randomBytes(4).toString("hex")}`;
    this.exec("pool1", ["sh", "-c", 'umask 077; cat > "$1"; chown postgres "$1"', "sh", file], `*:*:*:*:${password}\n`);
    try {
      return this.psql("pool1", [["-h", this.addressOf("pool1"), "-p", "6432", "-U", user, "-d", "shop"], query], file);
    } finally {
      this.exec("pool1", ["rm", "-f", file]);
    }
  }

  /** Where an application on pool1 has the authorities that it trusts, as the stack gives them. */
  async learnRoots(): Promise<void> {
    const { code, text } = await this.pulumi("stack", "output", "rootCertificates");
    const [roots] = /-----BEGIN[\s\S]*END CERTIFICATE-----\n/.exec(text) ?? [];
    if (code !== 0 || roots === undefined) throw new Error(`stack output ended with ${code}:\n${text}`);
    this.exec("pool1", ["sh", "-c", `cat > ${ROOTS}`], roots);
  }

  psql(host: string, [where, query]: [string[], string], passfile = "/dev/null"): string {
    const program = `/usr/lib/postgresql/${this.config.version}/bin/psql`;
    const env = ["env", "PGCONNECT_TIMEOUT=5", `PGPASSFILE=${passfile}`, ...VERIFIED];
    const argv = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", ...env, program];
    return this.exec(host, [...argv, "-XAtq", "-F", "\t", ...where, "-c", query]).trim();
  }

  override async remove(): Promise<void> {
    await this.killAll();
    try {
      this.removeMachines();
    } finally {
      await super.remove();
    }
  }
}
