/** What a host has before servers run on it: packages, files, daemons. */
import type { Connection, FileInput, HostOwner, HostSize } from "./connection.ts";

/** Machine: what a host of its own has before files of the fleet come: room as declared, and packages. */
export interface MachineInputs {
  connection: Connection;
  /** What the host has to have at least. */
  size: HostSize;
  /** Debian package → version, or "": the newest that the host knows when it first installs it. All are held. */
  packages: Record<string, string>;
  /** Whether apt has to have PostgreSQL's own repository; absent: what the host's sources have is enough. */
  packageSource?: "pgdg";
}

export interface MachineOutputs extends MachineInputs {
  /** Package → installed version. */
  installed: Record<string, string>;
  /** What is not as declared, one line each; filled by read. */
  drift: string[];
  reachable: boolean;
}

/** HostFiles: stages one generation per component; never an active path. */
export interface HostFilesInputs {
  connection: Connection;
  /** Who the host's folder belongs to; a folder of another stack is refused. */
  owner: HostOwner;
  /** Component → path → file. */
  components: Record<string, Record<string, FileInput>>;
  /** Name → value; secret. Filled into `@@secret:NAME@@` on the host, escaped as the placeholder says. */
  secrets: Record<string, string>;
  /** Name → version of the credential; a new version is a new generation. */
  secretVersions: Record<string, number>;
}

export interface HostFilesOutputs extends HostFilesInputs {
  /** Component → generation hash. */
  staged: Record<string, string>;
  /** Component → how often files of a generation that was staged already had to be written again. */
  repairs: Record<string, number>;
  reachable: boolean;
}

/** Service: one daemon whose changes need no order with the servers. */
export interface ServiceInputs {
  connection: Connection;
  /** Program name under the service manager; also the component that holds its files. "supervisor": the manager itself. */
  name: string;
  /** Generation of the component's files. */
  generation: string;
  /** What a new generation needs. */
  activate: "reload" | "restart";
  /** Program on the host that must exist, with the package that brings it. */
  program: { path: string; package: string };
  /** Answers when the service is healthy. */
  check?: { kind: "http"; url: string } | { kind: "tcp"; host: string; port: number };
}

export interface ServiceOutputs extends ServiceInputs {
  /** What is not as declared, one line each; filled by read. */
  drift: string[];
  reachable: boolean;
}
