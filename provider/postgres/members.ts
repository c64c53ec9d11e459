/** Which member is primary is asked, never assumed. */

import type { Connection } from "../../infra/resources.ts";
import { hostAt } from "../host.ts";
import type { SqlTarget } from "./sql.ts";
import { isInRecovery } from "./standby.ts";

export interface MemberAddress {
  name: string;
  connection: Connection;
  port: number;
  binDirectory: string;
}

export function targetOf(member: MemberAddress): SqlTarget {
  return { host: hostAt(member.connection), port: member.port, binDirectory: member.binDirectory };
}

export class NoPrimaryError extends Error {}

/** The member that is not in recovery. An error lists what each member said when there is none, or more than one. */
export async function findPrimary(members: MemberAddress[], signal: AbortSignal): Promise<MemberAddress> {
  const answers = await Promise.all(
    members.map(async (member) => {
      try {
        const replica = await isInRecovery(targetOf(member), signal, 10_000);
        return { member, primary: !replica, said: replica ? "is a replica" : "is the primary" };
      } catch (error) {
        signal.throwIfAborted();
        return { member, primary: false, said: (error as Error).message };
      }
    }),
  );
  const primaries = answers.filter((a) => a.primary);
  if (primaries.length === 1) return primaries[0]!.member;
  const list = answers.map((a) => `${a.member.name}: ${a.said}`).join("; ");
  if (primaries.length === 0) throw new NoPrimaryError(`no member is primary (${list})`);
  throw new Error(`more than one member is writable, stop all but the right one: ${list}`);
}
