/** How the provider starts and stops daemons on a host. supervisor on hosts that are a folder of this machine, systemd on machines. */

export interface ServiceStatus {
  /** The manager knows a service of this name. */
  known: boolean;
  running: boolean;
  /** 0 when it does not run. */
  pid: number;
  /** The manager's own word: RUNNING, active (running), …; FATAL when it has given up starting it, whichever manager. */
  state: string;
  /** What the manager says about a service that would not start; "" otherwise. */
  problem: string;
}

export interface ServiceManager {
  /** The manager answers. */
  alive(signal: AbortSignal): Promise<boolean>;
  /** Ends all services of the host, and the manager when it is the host's own. */
  shutdown(signal: AbortSignal): Promise<void>;
  /** A command for a guard on the host: succeeds when the service runs, starts it otherwise and fails. */
  startUnlessRunning(name: string): string[];
  /** The last lines that a service said, and where a person finds more. */
  recentLog(name: string, signal: AbortSignal): Promise<{ text: string; place: string }>;
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
