/** Around a machine that changes: emptied before, waited for after. */
import type { MachineSpec, Room } from "../rollout/resize.ts";
import type { PausePolicy } from "./cluster.ts";
import type { Connection, HostOwner } from "./connection.ts";

/** Drain: a host is emptied before its machine changes; decides when a smaller machine may come. */
export interface DrainInputs {
  connection: Connection;
  owner: HostOwner;
  /** What the stack file asks for. */
  machine: MachineSpec;
  /** Image that a machine is made from now. */
  image: string;
  /** Generation of component postgresql as declared; "" where the host is no member. */
  generation: string;
  /** How a primary goes: to a replica first, or stopped with the writes it serves. */
  primary: "switchover" | "stop";
  pause: PausePolicy;
  /** As in RolloutInputs. */
  tls?: "required" | "offered";
  /** Major version. */
  version: number;
}

export interface DrainOutputs extends DrainInputs {
  /** Type that the machine may have now: the declared one, or the one before while settings for less memory are not in force. */
  type: string;
  /** Image that the machine is made from: a newer one is for the next machine. */
  machineImage: string;
  /** What a machine of that type has. */
  has: Room;
  /** Generation that the server runs with, nothing waiting for a restart; "" when that is not known or not so. */
  inForce: string;
  reachable: boolean;
}

/** Ready: the machine is up again with its volume, and what it served before is served again. */
export interface ReadyInputs {
  connection: Connection;
  owner: HostOwner;
  /** Identity of the machine; a new one is waited for from the start. */
  machineId: string;
  type: string;
  /** The data volume, and where it is mounted; null: the host has none. */
  volume: { id: string; diskGb: number; path: string } | null;
}

export interface ReadyOutputs extends ReadyInputs {
  /** What is not as declared, one line each; filled by read. */
  drift: string[];
  reachable: boolean;
}
