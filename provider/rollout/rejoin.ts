/**
 * Data of a former primary is made to follow the primary that took over. It can, when all of its WAL is also the new
 * one's: up to the point where the new one's timeline branched off. What it has beyond is commits of its own; they are
 * given up only on an explicit word.
 */

import * as path from "node:path";
import type { RolloutMember } from "../../infra/resources.ts";
import { activate, hostAt } from "../host.ts";
import { type ControlData, readControlData } from "../postgres/data-directory.ts";
import { SERVICE, startServer } from "../postgres/server.ts";
import { select } from "../postgres/sql.ts";
import { isStandby, makeStandby } from "../postgres/standby.ts";
import { CURRENT_TIMELINE, endOfWal, lsnBytes } from "../postgres/wal.ts";
import type { Context } from "../types.ts";
import { sizeText } from "./clone-progress.ts";
import { checkStaged, targetOf } from "./member-steps.ts";

/** What its data would replay before it follows. */
const START_LIMIT_MS = 3600_000;

/**
 * @param to the live primary
 * @throws Error when the member has WAL that `to` never got, with its size and what to do
 */
export async function rejoin(member: RolloutMember, to: RolloutMember, context: Context): Promise<void> {
  const host = hostAt(member.connection);
  const control = await readControlData(host, member.dataDirectory, member.binDirectory, context.signal);
  if (!control) return;
  if (!(await isStandby(host, member.dataDirectory))) {
    const lost = await divergence(member, to, control, context);
    if (lost) throw new Error(diverged(member, to, lost));
    await makeStandby(host, member.dataDirectory);
  }
  await checkStaged(member, member.generation, context);
  await activate(host, SERVICE, member.generation);
  await startServer(targetOf(member), context, START_LIMIT_MS);
}

const diverged = (member: RolloutMember, to: RolloutMember, lost: string): string =>
  `${member.name} was primary before ${to.name}, and ${lost}. It was not started. To follow ${to.name} it has to give that up: ` +
  `take what you need from ${member.dataDirectory} first, then set hosts.${member.name}.reclone to a new value; its data is kept aside, and it is cloned anew.`;

/** What the member has that `to` never got, as a clause; undefined when there is nothing. */
async function divergence(
  member: RolloutMember,
  to: RolloutMember,
  control: ControlData,
  context: Context,
): Promise<string | undefined> {
  const [row] = await select<{ identifier: string; timeline: number }>(
    targetOf(to),
    `SELECT (SELECT system_identifier::text FROM pg_control_system()) AS identifier,
            ${CURRENT_TIMELINE} AS timeline`,
    context.signal,
  );
  const { identifier, timeline } = row!;
  if (identifier !== control.systemIdentifier)
    return `its data is another cluster's (${control.systemIdentifier}, this one is ${identifier})`;
  const name = `${timeline.toString(16).toUpperCase().padStart(8, "0")}.history`;
  const history = await hostAt(to.connection).transport.readFile(path.join(to.dataDirectory, "pg_wal", name));
  const end = await endOfWal(member, control, context);
  return divergedBy({ timeline: control.timeline, end }, { name: to.name, timeline, history: history?.text ?? "" });
}

/**
 * Compares the last record of a former primary with where its successor's timeline left it.
 *
 * @param old `end`: where its last record begins; undefined: not known
 * @param successor `history`: text of its timeline's history file
 * @returns a clause that says what is on the old one only; undefined when nothing is
 */
export function divergedBy(
  old: { timeline: number; end: string | undefined },
  successor: { name: string; timeline: number; history: string },
): string | undefined {
  const fork = forkOf(successor.history, old.timeline);
  if (!fork)
    return `timeline ${old.timeline}, where its data ends, is none that ${successor.name} (timeline ${successor.timeline}) came from`;
  if (!old.end) return "the end of its WAL cannot be found, so that nobody can say what only it has";
  const beyond = lsnBytes(old.end) - lsnBytes(fork);
  // The successor's last record ends where it branched off: one that begins there was never sent.
  if (beyond < 0n) return undefined;
  return `it has WAL that ${successor.name} never got: at least ${sizeText(Number(beyond) / 1024)} after ${fork} on timeline ${old.timeline}, up to ${old.end}`;
}

/** Where a timeline was left, from a history file: lines of timeline, LSN, reason. */
function forkOf(history: string, timeline: number): string | undefined {
  for (const line of history.split("\n")) {
    const match = /^\s*(\d+)\s+([0-9A-F]+\/[0-9A-F]+)/i.exec(line);
    if (match && Number(match[1]) === timeline) return match[2];
  }
  return undefined;
}
