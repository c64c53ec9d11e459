/** Huge pages of this machine, reserved as a member's unit does it, and put back at the end. */
import { execFile } from "node:child_process";
import { accessSync, constants, readFileSync, writeFileSync } from "node:fs";
import * as path from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

const PAGES = "/proc/sys/vm/nr_hugepages";
const SCRIPT = path.join(import.meta.dirname, "../../templates/postgresql/reserve-huge-pages.sh.mustache");

let before: string | undefined;
// A measurement that is interrupted leaves the kernel as it was.
process.once("exit", () => {
  if (before !== undefined) writeFileSync(PAGES, before);
});

/** From here on no page is reserved but for who asks. @throws when this kernel's pages are not ours to reserve */
export function takeHugePages(): void {
  try {
    accessSync(PAGES, constants.W_OK);
  } catch {
    throw new Error(
      `${PAGES} cannot be written: huge pages are part of our settings, so this needs root and a kernel of its own. --small-pages measures without them.`,
    );
  }
  before ??= readFileSync(PAGES, "utf8");
  writeFileSync(PAGES, "0\n");
}

/**
 * As many pages as the server that `command` starts asks for.
 *
 * @param pages upper bound
 * @throws when the kernel does not find them
 */
export async function reserveHugePages(pages: number, user: string, command: readonly string[]): Promise<void> {
  const text = readFileSync(SCRIPT, "utf8").replace("{{> _header}}", "#");
  const { stderr } = await run("sh", ["-c", text, "reserve-huge-pages", String(pages), user, ...command]);
  if (stderr) throw new Error(stderr.trim());
}

/** MB of huge pages that a process has. */
export const hugeMbOf = (pid: number): number =>
  Number(/^HugetlbPages:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0) / 1024;
