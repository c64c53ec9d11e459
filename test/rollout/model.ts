/** A model of a primary and its standbys that a plan is replayed on; it knows the standby rule and nothing of the planner. */

import { HOT_STANDBY_FIVE } from "../../infra/rollout/changes.ts";
import type { DeclaredFleet, DeclaredMember, MemberFacts, ObservedFleet, Step } from "../../infra/rollout/types.ts";

export type Settings = Record<string, string>;

interface Server {
  name: string;
  generation: string;
  /** What each generation's files say. */
  files: Settings;
  held: Settings;
  running: Settings;
  /** Standby: values of the primary that it may replay at any moment, oldest first. */
  mayReplay: Settings[];
}

export class Model {
  readonly servers = new Map<string, Server>();
  readonly primary: string;
  readonly generations = new Map<string, Settings>();
  paused = false;
  readonly drained = new Set<string>();
  pooler = true;

  constructor(members: DeclaredMember[], primary: string) {
    this.primary = primary;
    for (const m of members) {
      this.servers.set(m.name, {
        name: m.name,
        generation: m.generation,
        files: m.settings,
        held: {},
        running: { ...m.settings },
        mayReplay: [],
      });
      this.generations.set(m.generation, m.settings);
    }
    for (const s of this.standbys()) s.mayReplay = [{ ...this.server(primary).running }];
  }

  server(name: string): Server {
    return this.servers.get(name)!;
  }

  standbys(): Server[] {
    return [...this.servers.values()].filter((s) => s.name !== this.primary);
  }

  declare(members: DeclaredMember[]): void {
    for (const m of members) this.generations.set(m.generation, m.settings);
  }

  boot(name: string): void {
    const s = this.server(name);
    s.running = { ...s.files, ...s.held };
    if (name === this.primary) for (const standby of this.standbys()) standby.mayReplay.push({ ...s.running });
  }

  apply(step: Step): void {
    switch (step.kind) {
      case "switch":
        this.server(step.member).generation = step.generation;
        this.server(step.member).files = this.generations.get(step.generation)!;
        // The switch reloads: what needs no restart is in force.
        this.server(step.member).running.work_mem = this.server(step.member).files.work_mem!;
        return;
      case "hold":
        this.server(step.member).held = { ...step.settings };
        return;
      case "release":
        this.server(step.member).held = {};
        return;
      case "restart":
        if (step.member === this.primary && this.pooler && !this.paused)
          throw new Error("the primary restarts while clients are not held back");
        if (step.member !== this.primary && this.pooler && !this.drained.has(step.member))
          throw new Error(`${step.member} restarts while it is in the read pool`);
        this.boot(step.member);
        return;
      case "drain":
        this.drained.add(step.member);
        return;
      case "undrain":
        this.drained.clear();
        return;
      case "pause":
        if (this.paused) throw new Error("paused twice");
        this.paused = true;
        return;
      case "resume":
        this.paused = false;
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

  /** The standby rule, in what runs and in what a reboot of any member would run. Gives the first violation. */
  violation(): string | undefined {
    const primary = this.server(this.primary);
    const afterReboot: Settings = { ...primary.files, ...primary.held };
    for (const s of this.standbys()) {
      const onDisk: Settings = { ...s.files, ...s.held };
      for (const name of HOT_STANDBY_FIVE) {
        for (const [what, value] of [
          ...s.mayReplay.map((v) => ["may replay", v[name]] as const),
          ["after a reboot of the primary gets", afterReboot[name]] as const,
        ]) {
          if (Number(s.running[name]) < Number(value))
            return `${s.name} runs with ${name} ${s.running[name]} and ${what} ${value}`;
          if (Number(onDisk[name]) < Number(value))
            return `${s.name} would boot with ${name} ${onDisk[name]} and ${what} ${value}`;
        }
      }
    }
    return undefined;
  }

  observe(): ObservedFleet {
    const five = (settings: Settings) =>
      Object.fromEntries(HOT_STANDBY_FIVE.map((name) => [name, Number(settings[name])]));
    const members = [...this.servers.values()].map(
      (s): MemberFacts => ({
        name: s.name,
        reachable: true,
        hasData: true,
        running: true,
        role: s.name === this.primary ? "primary" : "replica",
        generation: s.generation,
        settings: s.files,
        running5: five(s.running),
        pendingRestart: Object.keys(s.files).filter((name) => ({ ...s.files, ...s.held })[name] !== s.running[name]),
        filesNewerThanLoad: false,
        streaming: true,
        slots: s.name === this.primary ? this.standbys().map((o) => ({ name: `pgfleet_${o.name}`, active: true })) : [],
        held: s.held,
        alteredSystem: [],
      }),
    );
    const pooler = {
      name: "pool1",
      reachable: true,
      running: true,
      generation: "p",
      paused: this.paused ? ["shop"] : [],
      drained: [...this.drained],
      differences: [],
    };
    return { source: "live", members, poolers: this.pooler ? [pooler] : [] };
  }

  declared(members: DeclaredMember[], restart: DeclaredFleet["restart"]): DeclaredFleet {
    return {
      primary: this.primary,
      restart,
      members,
      poolers: this.pooler ? [{ name: "pool1", generation: "p" }] : [],
      gone: [],
    };
  }
}
