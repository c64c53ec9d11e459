/** What a changed machine needs: refused, made smaller only once its settings fit, or changed now. Pure, from state and declaration. */

/** A machine as the stack file asks for it. MB are 1024 × 1024 bytes, GB 1024 MB. */
export interface MachineSpec {
  type: string;
  architecture: "x86_64" | "arm64";
  memoryMb: number;
  cpus: number;
  diskGb: number;
  /** A new value asks for a new machine; "" never asked. */
  replace: string;
}

export type Room = Pick<MachineSpec, "memoryMb" | "cpus">;

/** A machine as it may be by now. */
export interface MachineState {
  /** What was asked for last. */
  machine: MachineSpec;
  /** Type that it may have; another one than asked for while a smaller one waits. */
  type: string;
  /** What that type has. */
  has: Room;
}

export type MachineChange = "none" | "replace" | "grow" | "shrink";

export function machineChange(olds: MachineState, news: MachineSpec): MachineChange {
  if (olds.machine.replace !== news.replace) return "replace";
  if (olds.type === news.type) return "none";
  return news.memoryMb < olds.has.memoryMb || news.cpus < olds.has.cpus ? "shrink" : "grow";
}

/** Why the change is refused, a line each; nothing is touched then. */
export function machineProblems(host: string, olds: MachineState, news: MachineSpec): string[] {
  const problems: string[] = [];
  const before = olds.machine;
  if (before.architecture !== news.architecture)
    problems.push(
      `${host} is ${before.architecture} and ${news.type} is ${news.architecture}: data is not moved to another processor in place. Add a replica of that type, make it primary if ${host} is, then remove ${host}.`,
    );
  if (news.diskGb < before.diskGb)
    problems.push(
      `the volume of ${host} has ${before.diskGb} GB and ${news.diskGb} GB are declared: a volume never shrinks. Put ${before.diskGb}GB back, or add a member with the smaller one and remove ${host} once it streams.`,
    );
  if (before.replace !== news.replace && olds.type !== news.type)
    problems.push(
      `${host} is to have another type (${olds.type} → ${news.type}) and to be made anew (replace) at once: one at a time. Take one of the two back, and change it in the next run.`,
    );
  return problems;
}

/** What the server of a host runs with. */
export interface InForce {
  /** Generation whose files are in force; "" not known, or none. */
  generation: string;
  /** Parameters that wait for a restart. */
  pending: string[];
}

/**
 * Why a smaller machine has to wait; "" when it need not: its settings are in force.
 *
 * @param declared generation as declared; "" when the host has no server
 */
export function whyItWaits(
  host: string,
  olds: MachineState,
  news: MachineSpec,
  declared: string,
  { generation, pending }: InForce,
): string {
  if (declared === "" || (generation === declared && pending.length === 0)) return "";
  const stays = `${host} stays ${olds.type} in this run: `;
  const again = `run \`up\` again to resize it`;
  if (generation === declared) return `${stays}${pending.join(", ")} wait for a restart of its server; then ${again}`;
  return olds.machine.type === news.type
    ? `${stays}other settings of it change now, and have to be in force first; ${again}`
    : `${stays}settings for ${news.type} come first; ${again}`;
}

/**
 * Type that a machine has by its firmware: that of EC2's Nitro system has the instance type as the product's name.
 *
 * @param productName what DMI says; another firmware's is no type
 */
export function typeByFirmware(productName: string | undefined, recorded: string): string {
  const said = productName?.trim() ?? "";
  return /^[a-z][a-z0-9-]*\.[a-z0-9-]+$/.test(said) ? said : recorded;
}
