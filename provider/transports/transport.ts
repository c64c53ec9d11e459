/** How the provider acts on one host. ssh and docker come beside local; nothing above this knows which. */

export interface ExecOptions {
  /** OS user to run as; default: the transport's own. */
  user?: string;
  stdin?: string;
  /** Added to a minimal environment; never a place for secrets. */
  env?: Record<string, string>;
  /** Kills the command when it takes longer. Default 60,000. */
  timeoutMs?: number;
  signal: AbortSignal;
  /** Called with each line of standard error as it comes, for progress. */
  onStderrLine?: (line: string) => void;
}

export interface ExecResult {
  /** Exit code; 128 + signal number when it was killed. */
  code: number;
  stdout: string;
  stderr: string;
}

export interface FileFacts {
  text: string;
  /** Octal, e.g. "0640". */
  mode: string;
  mtimeMs: number;
}

export interface Ownership {
  /** Octal. */
  mode: string;
  /** OS user that owns it, with its group; default: the transport's own user. */
  user?: string;
  /** OS user whose group may read it, while the transport's own user owns it. */
  group?: string;
}

/** A process on the host that lives as long as we do: guards there watch it, and locks name it. */
export interface Presence {
  pid: number;
  /** Field 22 of /proc/<pid>/stat: tells a process from a later one with its pid. */
  startTicks: string;
  /** Numeric id of the user that commands run as. */
  uid: number;
}

export interface ConnectOptions {
  signal: AbortSignal;
  /** How long a host that does not answer is dialed again. Default 20,000. */
  limitMs?: number;
  /** Called before each further attempt, for people: "waiting for sshd on db2, 40 s of 300 s: …". */
  onWait?: (line: string) => void;
}

export interface Transport {
  /** Host name in the stack; for messages. */
  readonly host: string;
  /** Reaches the host, with patience; the other calls reach it by themselves within 20 s. Rejects with UnreachableError. */
  connect(options: ConnectOptions): Promise<void>;
  presence(signal: AbortSignal): Promise<Presence>;
  /** Program and arguments, no shell. Rejects only when it could not be run, was aborted or timed out. */
  exec(argv: readonly string[], options: ExecOptions): Promise<ExecResult>;
  /** Undefined: no such file. */
  readFile(path: string): Promise<FileFacts | undefined>;
  /** Atomic: a temporary file beside it, fsync, rename. */
  writeFile(path: string, text: string, options: Ownership): Promise<void>;
  /** Creates missing parents; sets mode and owner of the last part only. */
  makeDirectory(path: string, options: Ownership): Promise<void>;
  /** Names in a directory; undefined: no such directory. */
  list(path: string): Promise<string[] | undefined>;
  readLink(path: string): Promise<string | undefined>;
  /** Atomic replace of a symbolic link. */
  link(target: string, path: string): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  /** A file, link or tree; missing is fine. */
  remove(path: string): Promise<void>;
  exists(path: string): Promise<boolean>;
}

/** The host cannot be reached, as opposed to a command that failed on it. */
export class UnreachableError extends Error {
  readonly host: string;
  constructor(host: string, reason: string) {
    super(`host ${host} cannot be reached: ${reason}`);
    this.host = host;
  }
}

/** Runs and expects exit code 0; the error carries the last lines of what the command said. */
export async function run(transport: Transport, argv: readonly string[], options: ExecOptions): Promise<string> {
  const result = await transport.exec(argv, options);
  if (result.code !== 0) {
    const said = (result.stderr || result.stdout).trim().split("\n").slice(-8).join("\n");
    throw new Error(`${argv[0]} failed on ${transport.host} with exit code ${result.code}:\n${said}`);
  }
  return result.stdout;
}
