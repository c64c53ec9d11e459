/** Memory of a server and everything it started, from /proc. */
import { readdirSync, readFileSync } from "node:fs";

export interface MemorySample {
  processes: number;
  /** Proportional set size, summed: a page that several processes share is counted once. */
  pssMb: number;
  /** The part of it that belongs to one process alone and is no file. */
  anonMb: number;
  shmemMb: number;
  /** Not in PSS: the kernel's tables for the address spaces. */
  pageTablesMb: number;
}

function read(file: string): string {
  try {
    return readFileSync(file, "latin1");
  } catch {
    // The process has ended.
    return "";
  }
}

const kb = (text: string, name: string): number =>
  Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(text)?.[1] ?? 0);

/** The postmaster and its children; a server's processes have no children of their own. */
export function processTree(postmaster: number): number[] {
  const children = read(`/proc/${postmaster}/task/${postmaster}/children`);
  if (children) return [postmaster, ...children.trim().split(/\s+/).map(Number)];
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter(
      (pid) => pid === postmaster || read(`/proc/${pid}/stat`).split(") ")[1]?.split(" ")[1] === String(postmaster),
    );
}

export function sampleTree(postmaster: number): MemorySample {
  const sample: MemorySample = { processes: 0, pssMb: 0, anonMb: 0, shmemMb: 0, pageTablesMb: 0 };
  for (const pid of processTree(postmaster)) {
    const rollup = read(`/proc/${pid}/smaps_rollup`);
    if (!rollup) continue;
    sample.processes += 1;
    sample.pssMb += kb(rollup, "Pss") / 1024;
    sample.anonMb += kb(rollup, "Pss_Anon") / 1024;
    sample.shmemMb += kb(rollup, "Pss_Shmem") / 1024;
    sample.pageTablesMb += kb(read(`/proc/${pid}/status`), "VmPTE") / 1024;
  }
  return sample;
}

/** Private memory of one process, MB. */
export const privateMb = (pid: number): number => kb(read(`/proc/${pid}/status`), "RssAnon") / 1024;

export const availableMb = (): number => kb(read("/proc/meminfo"), "MemAvailable") / 1024;
