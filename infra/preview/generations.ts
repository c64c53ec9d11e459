/**
 * Stand-ins for the names of generations. The planner only asks whether two are the same, and a name is a hash over
 * whole files: of a large fleet it is computed for what asks for it, the JSON of a step.
 */

import type { Step } from "../rollout/types.ts";
import type { PlanComponent, PlanFile, PlanHost } from "./plan-file.ts";

export const component = (host: PlanHost | undefined, name: string): PlanComponent | undefined =>
  host?.components.find((one) => one.name === name);

export class Generations {
  readonly #before: Map<string, PlanHost>;
  readonly #after: Map<string, PlanHost>;
  readonly #declared = new Map<string, PlanComponent>();
  readonly #sameNames: boolean;

  /** @param before null: nothing is there yet */
  constructor(before: PlanFile | null, after: PlanFile) {
    this.#before = byName(before?.hosts ?? []);
    this.#after = byName(after.hosts);
    this.#sameNames = before === null || this.#namesAgree();
  }

  /** Stands for the generation that is declared for a component that the host has. */
  declared(host: string, name: string): string {
    const id = `declared_${host.replaceAll("-", "_")}_${name}`;
    this.#declared.set(id, component(this.#after.get(host), name)!);
    return id;
  }

  /** Stands for the generation in force; the declared one's where the files are the same. */
  observed(host: string, name: string): string {
    const [was, is] = this.#pair(host, name);
    return was && is && this.#sameNames && sameFiles(was, is) ? this.declared(host, name) : `base_${host}_${name}`;
  }

  /** The step as `up` will do it. */
  named(step: Step): Step {
    if (!("generation" in step)) return step;
    const declared = this.#declared.get(step.generation);
    if (!declared) return step;
    return {
      ...step,
      get generation() {
        return declared.generation;
      },
    };
  }

  #pair(host: string, name: string): [PlanComponent | undefined, PlanComponent | undefined] {
    return [component(this.#before.get(host), name), component(this.#after.get(host), name)];
  }

  /** Do both revisions give the same files the same name? One small component tells for all of them. */
  #namesAgree(): boolean {
    for (const [host, { components }] of this.#before) {
      for (const { name } of components) {
        const [was, is] = this.#pair(host, name);
        // A revision that did not write it down named it as this one does.
        if (!was || !is || was.generation === undefined || !sameFiles(was, is)) continue;
        return was.generation === is.generation;
      }
    }
    return true;
  }
}

function sameFiles(was: PlanComponent, is: PlanComponent): boolean {
  return (
    was.files.length === is.files.length &&
    was.files.every(({ path, mode, sha256 }, i) => {
      const other = is.files[i]!;
      return path === other.path && mode === other.mode && sha256 === other.sha256;
    })
  );
}

const byName = (hosts: readonly PlanHost[]): Map<string, PlanHost> => new Map(hosts.map((host) => [host.name, host]));
