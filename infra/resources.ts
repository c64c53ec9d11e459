/**
 * The inputs and outputs of the provider's resources, as plain data: the one place where the Pulumi program
 * and the provider meet. The provider imports only types from here.
 */

export type * from "./resources/catalog.ts";
export type * from "./resources/cluster.ts";
export type * from "./resources/connection.ts";
export type * from "./resources/host.ts";
export type * from "./resources/identity.ts";
export type * from "./resources/machine-change.ts";
