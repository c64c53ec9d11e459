/** What pg_basebackup says, in words for people: how far a clone is, and why one failed. */

import { REPLICATION_ROLE } from "../../infra/rendering/names.ts";

/** Gives the text of a progress line, or undefined when the line is none. */
export type ProgressMeter = (line: string) => string | undefined;

/** The rate is that of the last seconds: a copy that has come to a halt must not look fast. */
const WINDOW_MS = 10_000;

/**
 * Reads `pg_basebackup --progress`: "12345/67890 kB (18%), 0/1 tablespace (…/db4.part)", about once a second.
 *
 * @param nowMs clock, for tests
 */
export function progressMeter(nowMs: () => number = Date.now): ProgressMeter {
  const seen: { atMs: number; kb: number }[] = [];
  return (line) => {
    const match = /^\s*(\d+)\/(\d+) kB \((\d+)%\)/.exec(line);
    if (!match) return undefined;
    const [doneKb, totalKb] = [Number(match[1]), Number(match[2])];
    seen.push({ atMs: nowMs(), kb: doneKb });
    while (seen.length > 2 && seen.at(-1)!.atMs - seen[1]!.atMs >= WINDOW_MS) seen.shift();
    const [first, last] = [seen[0]!, seen.at(-1)!];
    const elapsedMs = last.atMs - first.atMs;
    const rate = elapsedMs > 0 ? `, ${sizeText(((last.kb - first.kb) * 1000) / elapsedMs)}/s` : "";
    return `${sizeText(doneKb)} of ${sizeText(totalKb)}, ${match[3]} %${rate}`;
  };
}

/** 1258291 → "1.2 GB"; 1024 of each make one of the next. */
export function sizeText(kb: number): string {
  let amount = kb;
  for (const unit of ["kB", "MB", "GB"]) {
    if (amount < 1024) return `${rounded(amount)} ${unit}`;
    amount /= 1024;
  }
  return `${rounded(amount)} TB`;
}

const rounded = (amount: number): string => (amount < 10 ? amount.toFixed(1) : amount.toFixed(0)).replace(/\.0$/, "");

export interface CloneNames {
  member: string;
  from: string;
  /** Where the copy was to be, on the member's host. */
  directory: string;
}

/** Why a clone failed, with what to do; the program's own words at the end. */
export function cloneFailure(said: string, { member, from, directory }: CloneNames): string {
  const words = said
    .split(/[\r\n]+/)
    .map((line) => line.trim())
    .filter((line) => line !== "" && !/^\d+\/\d+ kB/.test(line));
  const own = words.slice(-4).join(" | ") || "it said nothing";
  const text = words.join("\n");
  return `${reason(text, { member, from, directory })} The half copy was removed; the next run begins it again. pg_basebackup said: ${own}`;
}

function reason(text: string, { member, from, directory }: CloneNames): string {
  if (/No space left on device|Disk quota exceeded/i.test(text))
    return `the disk of ${member} is full: there is no room for a copy of ${from} at ${directory}. Make room there (data that was set aside is beside it, as *.aside-*), or give the host a larger disk.`;
  if (/exceeds max_wal_senders|too many clients already|remaining connection slots/i.test(text))
    return `${from} has no connection left for a copy, which needs two of its max_wal_senders. End what else streams from it (SELECT * FROM pg_stat_replication), or raise parameters.max_wal_senders.`;
  if (/no pg_hba\.conf entry|pg_hba\.conf rejects/i.test(text))
    return `${from} does not let ${member} in: its pg_hba.conf has no line for replication from this address. The files in force on ${from} are not the declared ones, or ${member} comes from another address than declared.`;
  if (/password authentication failed|no password supplied/i.test(text))
    return `${from} refuses the password of ${REPLICATION_ROLE} that ${member} has. If it was changed by hand, refresh and run again: the declared one is put back.`;
  if (/standby was promoted during online backup/i.test(text))
    return `${from} became primary while it was copied, which makes the copy useless.`;
  if (/could not translate host name|No route to host|timed out|Connection refused|could not connect/i.test(text))
    return `${from} cannot be reached from ${member}: it does not run, or the network between the two does not let it through.`;
  if (
    /server closed the connection|terminating connection|could not (read|receive|send)|connection .*(lost|reset)|shutting down/i.test(
      text,
    )
  )
    return `${from} stopped, or the connection to it broke, in the middle of the copy for ${member}.`;
  return `${member} could not be copied from ${from}.`;
}
