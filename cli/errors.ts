/** How a command ends other than well: a message for a person, and an exit code for a script. */

/** 0: well. 1: a problem was found. 2: the command line, the config or the place it runs in is wrong. */
export const EXIT = { ok: 0, problem: 1, usage: 2 } as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** Wrong command line or config: nothing was looked at, nothing was touched. */
export class UsageError extends Error {}
