/** How the provider starts and stops daemons on a host. supervisor here; systemd comes beside it. */

export interface ServiceStatus {
  /** The manager knows a service of this name. */
  known: boolean;
  running: boolean;
  /** 0 when it does not run. */
  pid: number;
  /** The manager's own word: RUNNING, STOPPED, FATAL, … */
  state: string;
  /** What the manager says about a service that would not start; "" otherwise. */
  problem: string;
}

export interface ServiceManager {
  /** Makes the manager's view equal to its unit files for this service, and starts it. Does not wait for health. */
  start(name: string, signal: AbortSignal): Promise<void>;
  /** Returns when its process is gone. */
  stop(name: string, signal: AbortSignal): Promise<void>;
  restart(name: string, signal: AbortSignal): Promise<void>;
  /** SIGHUP. */
  reload(name: string, signal: AbortSignal): Promise<void>;
  /** Stops it and forgets it. Unknown is fine. */
  remove(name: string, signal: AbortSignal): Promise<void>;
  status(name: string, signal: AbortSignal): Promise<ServiceStatus>;
}
