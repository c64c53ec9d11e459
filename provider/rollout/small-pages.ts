/** Says which servers run without the huge pages that their units reserve: a kernel that cannot find them lets a server start without. */

import type { RolloutInputs } from "../../infra/resources.ts";
import { type Host, hostAt } from "../host.ts";
import { SERVICE } from "../postgres/server.ts";
import type { Context } from "../types.ts";
import type { LiveFleet } from "./observe.ts";

// $1 the root folder without its "/", $2 pid of the postmaster. Says "small" when the kernel is this machine's and the
// server has none of its huge pages.
const SMALL_PAGES = `[ -w "$1/proc/sys/vm/nr_hugepages" ] && grep -Eq "^HugetlbPages:[[:space:]]+0 kB" "$1/proc/$2/status" && echo small`;
const ASK_LIMIT_MS = 20_000;

/** A warning for each, and never a failure. Only units reserve pages, so this machine's own fleets are not asked. */
export async function warnOfSmallPages(
  inputs: Pick<RolloutInputs, "members">,
  live: Pick<LiveFleet, "members">,
  context: Context,
): Promise<void> {
  const wanting = live.members.filter(({ running, settings }) => running && settings.huge_pages !== "off");
  const names = new Set(wanting.map(({ name }) => name));
  const ask = async ({ name, connection }: RolloutInputs["members"][number]): Promise<void> => {
    if (connection.platform !== "ssh" || !names.has(name)) return;
    if (!(await hasSmallPages(hostAt(connection), context.signal).catch(() => false))) return;
    context.log(
      "warning",
      `PostgreSQL on ${name} runs without huge pages: the kernel did not find as many as it needs. Its memory is in pieces, or something else uses it; after a boot they are there (journalctl -u ${connection.unitPrefix}-${SERVICE}).`,
    );
  };
  await Promise.all(inputs.members.map(ask));
}

/** @param root folder of the host's files, without the "/" at its end */
export async function hasSmallPages(
  { services, transport }: Pick<Host, "services" | "transport">,
  signal: AbortSignal,
  root = "",
): Promise<boolean> {
  const { pid } = await services.status(SERVICE, signal);
  const argv = ["sh", "-c", SMALL_PAGES, "small-pages", root, String(pid)];
  const { stdout } = await transport.exec(argv, { signal, timeoutMs: ASK_LIMIT_MS });
  return stdout.trim() === "small";
}
