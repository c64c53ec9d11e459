/** What the steps do when members come and go. Each can be repeated. */

import * as path from "node:path";
import type { RolloutMember } from "../../infra/resources.ts";
import { deactivate, hostAt } from "../host.ts";
import { SERVICE } from "../postgres/server.ts";
import type { Context } from "../types.ts";

export { clone } from "./clone.ts";
export { waitStreaming } from "./follow.ts";
export { dropSlot, reserveSlot } from "./slots.ts";

/** Stops a member that left. Its data and owner file stay. */
export async function stop(member: RolloutMember, context: Context): Promise<void> {
  const host = hostAt(member.connection);
  if (await host.services.alive(context.signal)) await host.services.remove(SERVICE, context.signal);
  await deactivate(host, SERVICE);
}

/**
 * Stops the member and moves its data to `<data directory>.aside-<UTC time>`, where it is kept: nothing of the project
 * ever removes it. Without data only what runs is stopped.
 *
 * @returns where the data is now; undefined when there was none
 */
export async function setAside(member: RolloutMember, context: Context): Promise<string | undefined> {
  const { transport } = hostAt(member.connection);
  await stop(member, context);
  if (!(await transport.exists(path.join(member.dataDirectory, "PG_VERSION")))) return undefined;
  const time = new Date().toISOString().replace(/[-:]|\.\d+/g, "");
  let aside = `${member.dataDirectory}.aside-${time}`;
  for (let n = 2; await transport.exists(aside); n++) aside = `${member.dataDirectory}.aside-${time}-${n}`;
  await transport.rename(member.dataDirectory, aside);
  context.log("info", `the data of ${member.name} is kept at ${aside}; remove it by hand once it is not needed`);
  return aside;
}
