/** All keys of the namespace `postgres-fleet`. */

import { z } from "zod";
import { adminNetworks, hba, ident } from "./access.ts";
import { aws, size } from "./aws.ts";
import { cluster, connections, initdb, platform, restart, synchronous, version, workload } from "./cluster.ts";
import { databases } from "./databases.ts";
import { cpus, disk, hosts, memory, primary, storage } from "./hosts.ts";
import { allowedNetworks, secrets, stateDir } from "./objects.ts";
import { clusterParameters } from "./parameters.ts";
import { objects, removed, roles } from "./roles.ts";
import { gone, rollout } from "./rollout.ts";
import { protect, state } from "./safety.ts";
import { monitoring, pooler } from "./services.ts";
import { packageSource, packages, ssh } from "./ssh.ts";
import { tls } from "./tls.ts";

/** In the order of the docs. */
export const fleetSchema = z.strictObject({
  platform,
  cluster,
  version,
  workload,
  connections,
  restart,
  synchronous,
  rollout,
  initdb,
  memory,
  cpus,
  disk,
  storage,
  size,
  parameters: clusterParameters,
  ssh,
  packages,
  packageSource,
  aws,
  hosts,
  primary,
  gone,
  pooler,
  monitoring,
  tls,
  databases,
  roles,
  removed,
  objects,
  secrets,
  allowedNetworks,
  adminNetworks,
  hba,
  ident,
  state,
  protect,
  stateDir,
});

export type FleetConfig = z.output<typeof fleetSchema>;

/** What is left of a config when wrong values are taken out. */
export type Draft = Loose<FleetConfig>;
type Loose<T> = T extends string | number | boolean | undefined
  ? T
  : T extends readonly (infer Item)[]
    ? Item[]
    : T extends object
      ? { [K in keyof T]?: Loose<T[K]> | undefined }
      : T;
