/** A step as one line for people. */

import type { Step } from "./types.ts";

export function describe(step: Step): string {
  return `${what(step)} (${step.reason})`;
}

function what(step: Step): string {
  switch (step.kind) {
    case "start":
    case "reload":
    case "restart":
    case "stop":
    case "halt":
    case "checkpoint":
      return `${step.kind} ${step.member}`;
    case "switch":
      return `put generation ${step.generation.slice(0, 8)} in force on ${step.member}`;
    case "reset-system":
      return `ALTER SYSTEM RESET ${step.parameters.join(", ")} on ${step.member}`;
    case "drain":
      return `take ${step.member} out of the read pool of ${step.poolers.join(", ")}`;
    case "undrain":
      return `restore the read pool of ${step.poolers.join(", ")}`;
    case "pause":
      return `pause ${step.poolers.join(", ")}`;
    case "resume":
      return `resume ${step.poolers.join(", ")}${step.atLimit ? " at the limit" : ""}`;
    case "hold":
      return `hold ${settings(step.settings)} on ${step.member}`;
    case "release":
      return `release held values on ${step.member}`;
    case "wait-replay":
      return `wait until ${step.member} has replayed`;
    case "wait-streaming":
      return `wait until ${step.member} streams`;
    case "reserve-slot":
      return `reserve slot ${step.slot} on ${step.on}`;
    case "drop-slot":
      return `drop slot ${step.slot} on ${step.on}`;
    case "set-aside":
      return `stop ${step.member} and move its data aside`;
    case "rejoin":
      return `make ${step.member} a standby of ${step.to}`;
    case "check-switchover":
      return `check that ${step.to} can take over from ${step.from}`;
    case "demote":
      return `stop ${step.member} once ${step.to} has all of its WAL`;
    case "promote":
      return `promote ${step.member}`;
    case "repoint":
      return `lead clients of ${step.poolers.join(", ")} to ${step.to}`;
    case "reinstate":
      return `make ${step.member} primary again`;
    case "clone":
      return `clone ${step.member} from ${step.from}`;
    case "register":
    case "deregister":
      return `${step.kind} ${step.members.join(", ")}`;
    case "switch-pooler":
      return `put generation ${step.generation.slice(0, 8)} in force on pooler ${step.pooler}`;
    case "start-pooler":
      return `start pooler ${step.pooler}`;
    case "stop-pooler":
      return `stop pooler ${step.pooler}`;
    default:
      return step satisfies never;
  }
}

const settings = (values: Record<string, string>): string =>
  Object.entries(values)
    .map(([name, value]) => `${name}=${value}`)
    .join(", ");
