/** A model of a primary and its standbys that a plan is replayed on; it knows the rules of the servers and nothing of the planner. */

import { hotStandbyParameters } from "../../infra/config/owned-parameters.ts";
import type { DeclaredFleet, DeclaredMember, MemberFacts, ObservedFleet, Step } from "../../infra/rollout/types.ts";

export type Settings = Record<string, string>;

interface Server {
  name: string;
  role: "primary" | "replica" | "stopped";
  /** It would start as a standby. */
  standby: boolean;
  generation: string;
  /** What each generation's files say. */
  files: Settings;
  held: Settings;
  running: Settings;
  slots: Set<string>;
  /** Standby: values of the primary that it may replay at any moment, oldest first. */
  mayReplay: Settings[];
}

/** Settings of the model that need no restart. */
const RELOADED = ["work_mem", "primary_conninfo"];

export class Model {
  readonly servers = new Map<string, Server>();
  readonly generations = new Map<string, Settings>();
  paused = false;
  readonly drained = new Set<string>();
  /** Where the pooler's entries lead besides its file; "" when they do not. */
  repointed = "";
  /** The pooler's file in force: "p" and the primary it leads to. */
  poolerGeneration = "";
  pooler = true;
  switchover: { from: string; to: string } | undefined;

  constructor(members: DeclaredMember[], primary: string) {
    for (const m of members) {
      const first = m.name === primary;
      this.servers.set(m.name, {
        name: m.name,
        role: first ? "primary" : "replica",
        standby: !first,
        generation: m.generation,
        files: m.settings,
        held: {},
        running: { ...m.settings },
        slots: new Set(first ? members.filter((o) => o.name !== primary).map((o) => o.slot) : []),
        mayReplay: [],
      });
      this.generations.set(m.generation, m.settings);
    }
    for (const s of this.standbys()) s.mayReplay = [{ ...this.server(primary).running }];
    this.poolerGeneration = `p:${primary}`;
  }

  server(name: string): Server {
    return this.servers.get(name)!;
  }

  get primary(): Server | undefined {
    return [...this.servers.values()].find((s) => s.role === "primary");
  }

  standbys(): Server[] {
    return [...this.servers.values()].filter((s) => s.standby);
  }

  declare(members: DeclaredMember[]): void {
    for (const m of members) this.generations.set(m.generation, m.settings);
  }

  /** The server starts, also when it was stopped. */
  boot(name: string): void {
    const s = this.server(name);
    s.running = { ...s.files, ...s.held };
    s.role = s.standby ? "replica" : "primary";
    if (s.role === "primary") for (const standby of this.standbys()) standby.mayReplay.push({ ...s.running });
  }

  /** Server that the pooler's writes go to. */
  get target(): string {
    return this.repointed || this.poolerGeneration.slice(2);
  }

  apply(step: Step): void {
    const up = this.primary;
    switch (step.kind) {
      case "switch": {
        const s = this.server(step.member);
        s.generation = step.generation;
        s.files = this.generations.get(step.generation)!;
        this.reload(s);
        return;
      }
      case "hold":
        this.server(step.member).held = { ...step.settings };
        this.reload(this.server(step.member));
        return;
      case "release":
        this.server(step.member).held = {};
        this.reload(this.server(step.member));
        return;
      case "restart":
        if (this.pooler && step.member === up?.name && !this.paused)
          throw new Error("the primary restarts while clients are not held back");
        if (this.pooler && step.member !== up?.name && !this.drained.has(step.member))
          throw new Error(`${step.member} restarts while it is in the read pool`);
        this.boot(step.member);
        return;
      case "start":
        if (this.server(step.member).role === "stopped") this.boot(step.member);
        return;
      case "drain":
        this.drained.add(step.member);
        return;
      case "undrain":
        this.drained.clear();
        return;
      case "repoint":
        this.repointed = step.to === this.poolerGeneration.slice(2) ? "" : step.to;
        return;
      case "switch-pooler":
        this.poolerGeneration = step.generation;
        this.drained.clear();
        this.repointed = "";
        return;
      case "pause":
        if (this.paused) throw new Error("paused twice");
        this.paused = true;
        return;
      case "resume":
        this.paused = false;
        return;
      case "reserve-slot":
        this.server(step.on).slots.add(step.slot);
        return;
      case "drop-slot": {
        const user = [...this.servers.values()].find((s) => `pgfleet_${s.name}` === step.slot)!;
        if (user.standby && this.follows(user) === step.on) throw new Error(`${step.slot} on ${step.on} is in use`);
        this.server(step.on).slots.delete(step.slot);
        return;
      }
      case "check-switchover": {
        const to = this.server(step.to);
        if (this.follows(to) !== step.from) throw new Error(`${step.to} does not follow ${step.from}`);
        for (const s of this.servers.values())
          if (s !== to && !to.slots.has(`pgfleet_${s.name}`)) throw new Error(`${s.name} has no slot on ${step.to}`);
        return;
      }
      case "demote": {
        const s = this.server(step.member);
        if (this.pooler && !this.paused) throw new Error("the primary stops while clients are not held back");
        Object.assign(s, { role: "stopped", standby: true });
        this.switchover = { from: step.member, to: step.to };
        return;
      }
      case "promote":
        this.promote(this.server(step.member));
        return;
      case "reinstate": {
        const s = this.server(step.member);
        s.standby = false;
        this.boot(step.member);
        return;
      }
      case "wait-streaming":
        if (this.chain(this.server(step.member)) === undefined) throw new Error(`${step.member} streams from nobody`);
        return;
      case "wait-replay": {
        if (this.paused) throw new Error("waits for replay while clients wait");
        const s = this.server(step.member);
        s.mayReplay = s.mayReplay.slice(-1);
        return;
      }
      default:
        return;
    }
  }

  private reload(s: Server): void {
    const now = { ...s.files, ...s.held };
    if (s.role !== "stopped") for (const name of RELOADED) s.running[name] = now[name] ?? "";
  }

  private promote(s: Server): void {
    if (s.role !== "replica") throw new Error(`${s.name} is no standby`);
    for (const other of this.servers.values())
      if (other !== s && !other.standby)
        throw new Error(`${s.name} is promoted, and ${other.name} would be primary too`);
    Object.assign(s, { role: "primary", standby: false, mayReplay: [] });
    for (const standby of this.standbys()) standby.mayReplay.push({ ...s.running });
  }

  private follows(s: Server): string {
    const conninfo = { ...s.files, ...s.held }.primary_conninfo as string | undefined;
    return conninfo?.replace("host=", "") ?? "";
  }

  /** The primary at the end of the chain that a standby streams through. */
  private chain(s: Server, seen = new Set<string>()): string | undefined {
    if (s.role === "primary") return s.name;
    if (s.role === "stopped" || seen.has(s.name)) return undefined;
    const upstream = this.servers.get(this.follows(s));
    if (!upstream?.slots.has(`pgfleet_${s.name}`)) return undefined;
    return this.chain(upstream, seen.add(s.name));
  }

  /** The standby rule, in what runs and in what a reboot of any member would run; one primary; clients led to it. */
  violation(): string | undefined {
    const primaries = [...this.servers.values()].filter((s) => !s.standby);
    if (primaries.length > 1) return `${primaries.map((s) => s.name).join(" and ")} are or would start as primaries`;
    const primary = primaries[0];
    if (!primary) return undefined;
    if (this.pooler && !this.paused && this.target !== primary.name)
      return `clients are led to ${this.target}, and ${primary.name} is primary`;
    const afterReboot: Settings = { ...primary.files, ...primary.held };
    for (const s of this.standbys()) {
      const onDisk: Settings = { ...s.files, ...s.held };
      for (const name of hotStandbyParameters) {
        for (const [what, value] of [
          ...s.mayReplay.map((v) => ["may replay", v[name]] as const),
          ["after a reboot of the primary gets", afterReboot[name]] as const,
        ]) {
          if (s.role !== "stopped" && Number(s.running[name]) < Number(value))
            return `${s.name} runs with ${name} ${s.running[name]} and ${what} ${value}`;
          if (Number(onDisk[name]) < Number(value))
            return `${s.name} would boot with ${name} ${onDisk[name]} and ${what} ${value}`;
        }
      }
    }
    return undefined;
  }

  /** Every standby streams, and no slot is left that nobody uses. */
  unsettled(): string | undefined {
    for (const s of this.standbys()) if (!this.chain(s)) return `${s.name} streams from nobody`;
    for (const on of this.servers.values())
      for (const slot of on.slots) {
        const user = [...this.servers.values()].find((s) => `pgfleet_${s.name}` === slot);
        if (!user?.standby || this.follows(user) !== on.name) return `${slot} on ${on.name} is used by nobody`;
      }
    return undefined;
  }

  observe(): ObservedFleet {
    const five = (settings: Settings) =>
      Object.fromEntries(hotStandbyParameters.map((name) => [name, Number(settings[name])]));
    const members = [...this.servers.values()].map(
      (s): MemberFacts => ({
        name: s.name,
        address: s.name,
        reachable: true,
        hasData: true,
        running: s.role !== "stopped",
        role: s.role === "stopped" ? "none" : s.role,
        generation: s.generation,
        settings: s.files,
        running5: s.role === "stopped" ? {} : five(s.running),
        // What its data needs is what it may have replayed.
        needs5:
          s.role === "stopped" && s.standby
            ? Object.fromEntries(
                hotStandbyParameters.map((name) => [name, Math.max(...s.mayReplay.map((v) => Number(v[name])), 0)]),
              )
            : {},
        pendingRestart:
          s.role === "stopped"
            ? []
            : Object.keys(s.files).filter(
                (name) => !RELOADED.includes(name) && { ...s.files, ...s.held }[name] !== s.running[name],
              ),
        filesNewerThanLoad: false,
        streaming: s.role === "replica" && this.chain(s) !== undefined,
        standby: s.standby,
        recloned: "",
        slots: s.role === "stopped" ? [] : [...s.slots].map((name) => ({ name, active: true })),
        held: s.held,
        alteredSystem: [],
      }),
    );
    const pooler = {
      name: "pool1",
      reachable: true,
      running: true,
      generation: this.poolerGeneration,
      paused: this.paused ? ["shop"] : [],
      drained: [...this.drained],
      leadsTo: this.target,
      differences: [],
    };
    return {
      source: "live",
      members,
      poolers: this.pooler ? [pooler] : [],
      ...(this.switchover ? { switchover: this.switchover } : {}),
    };
  }

  declared(members: DeclaredMember[], restart: DeclaredFleet["restart"], primary: string): DeclaredFleet {
    return {
      primary,
      restart,
      members,
      poolers: this.pooler ? [{ name: "pool1", generation: `p:${primary}` }] : [],
      gone: [],
    };
  }
}
