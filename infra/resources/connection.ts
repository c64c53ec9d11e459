/** How a host is reached, whose it is, and what every resource says of it. */

/** How to reach a host. An input of every resource, never provider config. */
export type Connection = LocalConnection | SshConnectionInput;

interface ConnectionBase {
  /** Host name in the stack. */
  host: string;
  /** IPv4 address services listen on. */
  address: string;
  /** The host's folder; see HostLayout. */
  home: string;
  /** Unix sockets of the host's services; `supervisor.sock` among them. */
  run: string;
  /** OS user that servers run as. */
  user: string;
}

/** This machine; services run under supervisor. */
export interface LocalConnection extends ConnectionBase {
  platform: "local";
}

/** A Linux host with systemd, reached by the system's ssh. */
export interface SshConnectionInput extends ConnectionBase {
  platform: "ssh";
  ssh: SshAccess;
  /** First part of the names of the host's units, e.g. "pgfleet-prod-db1". */
  unitPrefix: string;
}

export interface SshAccess {
  /** Name or address that is dialed. Default: the host's `address`. */
  host?: string;
  user: string;
  port: number;
  /** How commands become root's: `sudo -n`, unless the login is root's; "none": they are the login's. */
  become: "sudo" | "none";
  /** Private key on the machine that runs `up`. Default: what ssh finds by itself. */
  identityFile?: string;
  /** File of believed host keys. Default: ssh's own. */
  knownHosts?: string;
  /** The host's public key, "ssh-ed25519 AAAA…", a line each; then no file is asked. */
  hostKey?: string;
  proxyJump?: string;
  proxyCommand?: string;
  /** Through AWS Systems Manager to the running instance with these tags, unless a proxy is given. */
  ssm?: SsmAccess;
  /** Which machine it is, e.g. an EC2 instance id; another one is made ready anew. */
  machine?: string;
}

export interface SsmAccess {
  region: string;
  /** Tag `pgfleet:stack`. */
  stack: string;
  /** Tag `pgfleet:host`. */
  host: string;
}

/** Who a host's folder belongs to. */
export interface HostOwner {
  project: string;
  stack: string;
  cluster: string;
}

/** Who a data directory belongs to; written beside it. */
export interface Owner extends HostOwner {
  member: string;
}

export interface FileInput {
  body: string;
  /** Octal, e.g. "0640". */
  mode: string;
}

/** MB are 1024 × 1024 bytes. */
export interface HostSize {
  memoryMb: number;
  cpus: number;
  diskMb: number;
}
