/** Without a primary: what would be lost if it never came back, told before anybody decides. Pure. */

import { type FleetSpec, members } from "../../infra/config/spec.ts";
import { lsnBytes } from "../../provider/postgres/wal.ts";
import { bytes } from "../text-table.ts";
import type { ServerFacts } from "./server.ts";

interface Candidate {
  name: string;
  lsn: string;
  /** Age of the last commit that it has. */
  seconds: number | null;
}

/** One sentence for each thing that is known; "" when no replica answers. */
export function takeoverText(spec: FleetSpec, servers: ReadonlyMap<string, ServerFacts>): string {
  const candidates = members(spec)
    .flatMap(({ name }): Candidate[] => {
      const facts = servers.get(name)?.replication;
      return facts?.receivedLsn ? [{ name, lsn: facts.receivedLsn, seconds: facts.lastCommitSeconds }] : [];
    })
    .sort((a, b) => (lsnBytes(b.lsn) > lsnBytes(a.lsn) ? 1 : -1));
  const [best, ...others] = candidates;
  if (!best) return "";
  const age = best.seconds === null ? "" : `; its last commit is ${Math.round(best.seconds)} s old`;
  const sentences = [`${best.name} has the most WAL, up to ${best.lsn}${age}`];
  for (const { name, lsn } of others) {
    const behind = Number(lsnBytes(best.lsn) - lsnBytes(lsn));
    sentences.push(behind === 0 ? `${name} has the same` : `${name} has ${bytes(behind)} less`);
  }
  const end = servers.get(spec.primary)?.walEnd;
  if (end) {
    const lost = lsnBytes(end) - lsnBytes(best.lsn);
    sentences.push(
      lost < 0n
        ? `${best.name} has all that ${spec.primary} wrote`
        : `${spec.primary} wrote at least ${bytes(Number(lost))} more, up to ${end}: that would be lost`,
    );
  } else sentences.push(`what ${spec.primary} wrote after that would be lost; how much only its own disk can say`);
  return `${sentences.join(". ")}. See docs/members.md, “When the primary is lost”.`;
}
