/** Fleets of any size, fast: one rendered replica, many times, each under a name of its own. */

import { replaceWord } from "../../infra/preview/pairs.ts";
import type { PlanHost } from "../../infra/preview/plan-file.ts";
import type { RenderedFleet, Side } from "../../infra/preview/types.ts";
import { slotName } from "../../infra/rendering/names.ts";
import { side } from "./fixture.ts";

const MODEL = "db2";

/** @param text stack file; its db2 is the model. @param differs: every host's file says something of its own. */
export function manyHosts(text: string, count: number, differs = false): Side {
  const rendered = side(text);
  if (rendered.kind !== "rendered") throw new Error(rendered.kind === "failed" ? rendered.problem : "absent");
  const { fleet } = rendered;
  const model = fleet.plan.hosts.find((host) => host.name === MODEL)!;
  const copies = Array.from({ length: count }, (_, i) => copyOf(model, `r${i + 1}`, `10.50.${i >> 8}.${i & 255}`));
  const plan = { ...fleet.plan, hosts: [...fleet.plan.hosts, ...copies.map(({ host }) => host)] };
  const own = new Map(copies.map(({ host, renamed }) => [host.name, renamed]));
  const body = (path: string): string => {
    const [name = "", ...rest] = path.split("/");
    const renamed = own.get(name);
    if (!renamed) return fleet.body(path);
    const text = renamed(fleet.body([MODEL, ...rest].join("/")));
    return differs && text.includes("work_mem") ? text.replaceAll(/ = '/g, ` = '${name}`) : text;
  };
  return { ...rendered, fleet: { plan, body } satisfies RenderedFleet };
}

function copyOf(model: PlanHost, name: string, address: string): { host: PlanHost; renamed: (text: string) => string } {
  const renamed = (text: string): string =>
    replaceWord(replaceWord(replaceWord(text, slotName(MODEL), slotName(name)), MODEL, name), model.address, address);
  const host = JSON.parse(renamed(JSON.stringify(model))) as PlanHost;
  return { host, renamed };
}
