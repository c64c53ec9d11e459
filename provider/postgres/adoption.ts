/** Data that was there already: whether its server may be started, so that two servers are never primary of one cluster. */

import type { PostgresInstanceInputs } from "../../infra/resources.ts";
import { type Host, hostAt } from "../host.ts";
import type { Context } from "../types.ts";
import { type ControlData, readControlData } from "./data-directory.ts";
import { isInRecovery, isStandby } from "./standby.ts";

interface Peer {
  name: string;
  control: ControlData;
  standby: boolean;
  /** It runs and is writable. */
  primary: boolean;
}

/**
 * A standby may always start. Data without standby.signal would start as primary: it may, when every other member's
 * data of this cluster is a standby's. While another member is primary it stays stopped: Rollout makes it follow.
 *
 * @throws Error that names both, when another member's data would start as primary too and neither runs
 */
export async function mayStart(host: Host, news: PostgresInstanceInputs, context: Context): Promise<boolean> {
  const { member } = news.owner;
  if (await isStandby(host, news.dataDirectory)) return true;
  const control = await readControlData(host, news.dataDirectory, news.binDirectory, context.signal);
  if (!control) return true;
  const { peers, unseen } = await look(news, control, context);
  const [primary] = peers.filter((peer) => peer.primary);
  if (primary) {
    context.log("info", `${member} was primary and ${primary.name} is now: it stays stopped until it can follow`);
    return false;
  }
  const rivals = peers.filter((peer) => !peer.standby);
  if (rivals.length > 0) throw new Error(rivalry({ name: member, control }, rivals));
  if (unseen.length === 0 || news.bootstrap.kind === "init") return true;
  context.log(
    "warning",
    `${member} was primary and stays stopped: ${unseen.join(", ")} cannot be reached and may have taken over`,
  );
  return false;
}

async function look(
  news: PostgresInstanceInputs,
  own: ControlData,
  context: Context,
): Promise<{ peers: Peer[]; unseen: string[] }> {
  const peers: Peer[] = [];
  const unseen: string[] = [];
  for (const { name, connection, dataDirectory } of news.peers) {
    const host = hostAt(connection);
    try {
      const control = await readControlData(host, dataDirectory, news.binDirectory, context.signal);
      if (control?.systemIdentifier !== own.systemIdentifier) continue;
      peers.push({
        name,
        control,
        standby: await isStandby(host, dataDirectory),
        primary: await isPrimary(host, news, context),
      });
    } catch (error) {
      context.signal.throwIfAborted();
      context.log("debug", `${name}: ${(error as Error).message}`);
      unseen.push(name);
    }
  }
  return { peers, unseen };
}

async function isPrimary(host: Host, { port, binDirectory }: PostgresInstanceInputs, context: Context) {
  try {
    return !(await isInRecovery({ host, port, binDirectory }, context.signal, 10_000));
  } catch {
    context.signal.throwIfAborted();
    return false;
  }
}

function rivalry(own: { name: string; control: ControlData }, rivals: Peer[]): string {
  const all = [own, ...rivals].map(
    ({ name, control }) =>
      `${name} (timeline ${control.timeline}, last checkpoint ${control.checkpointLsn}, ${control.state})`,
  );
  return (
    `the data of ${all.join(" and of ")} would each start as primary of this cluster, and none of them runs. Nothing was started. ` +
    "The right one has the highest timeline and was the last to take writes: start it by hand and run up again, which makes the others follow or says what they would lose; " +
    "or make an empty file standby.signal in the data directory of each of the others."
  );
}
