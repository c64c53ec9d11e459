/** Service: one daemon that needs no order with the servers: exporters, Prometheus, and supervisord itself. */

import * as net from "node:net";
import * as path from "node:path";
import type { ServiceInputs, ServiceOutputs } from "../../infra/resources.ts";
import { activate, activeGeneration, deactivate, type Host, hostAt } from "../host.ts";
import { lockHost } from "../host-lock.ts";
import { run } from "../transports/transport.ts";
import { type Context, type DiffResult, PartialFailure, type Resource } from "../types.ts";
import { GiveUp, waitFor } from "../wait.ts";
import { diffAccess, diffDrift, diffValues } from "./diff-values.ts";
import { readReachable } from "./read-reachable.ts";

const HEALTH_LIMIT_MS = 30_000;
const MANAGER = "supervisor";

type Check = NonNullable<ServiceInputs["check"]>;
const ASK_TCP = ["timeout", "2", "bash", "-c", 'exec 3<>"/dev/tcp/$0/$1"'];
// curl where it is; else wget; else that something listens has to do.
const ASK_HTTP = `if command -v curl >/dev/null; then exec curl -fsS -m 2 -o /dev/null "$1"; fi
if command -v wget >/dev/null; then exec wget -q -T 2 -t 1 -O /dev/null "$1"; fi
exec ${ASK_TCP.slice(0, 4).join(" ")} '${ASK_TCP[4]}' "$2" "$3"`;

export const service: Resource<ServiceInputs, ServiceOutputs> = {
  secrets: [],

  diff(olds, news): DiffResult {
    const detailed = diffValues(olds, news, ["generation", "activate", "check"]);
    Object.assign(detailed, diffAccess(olds.connection, news.connection));
    if (olds.name !== news.name || olds.connection?.home !== news.connection?.home)
      detailed.name = { kind: "update-replace", inputDiff: true };
    Object.assign(detailed, diffDrift(olds.drift));
    return { changes: Object.keys(detailed).length > 0, detailed, deleteBeforeReplace: true };
  },

  async create(news, context) {
    const host = hostAt(news.connection);
    const id = `${host.name}/${news.name}`;
    await ensure(host, news, id, true, context);
    return { id, outputs: { ...news, drift: [], reachable: true } };
  },

  read: (id, olds, oldInputs, context) =>
    readReachable(id, olds, oldInputs, context, async (host) => ({ drift: await drift(host, olds, context.signal) })),

  async update(id, olds, news, context) {
    const host = hostAt(news.connection);
    const changed =
      olds.generation !== news.generation || (await activeGeneration(host, news.name)) !== news.generation;
    await ensure(host, news, id, changed, context);
    return { ...news, drift: [], reachable: true };
  },

  async delete(_id, olds, context) {
    const host = hostAt(olds.connection);
    if (!(await host.transport.exists(host.paths.owner))) return;
    await lockHost(host);
    if (olds.name === MANAGER) await host.services.shutdown(context.signal);
    else if (await host.services.alive(context.signal)) await host.services.remove(olds.name, context.signal);
    await deactivate(host, olds.name);
  },
};

/** Makes the service run with the declared generation. `changed`: its files are not what it runs with. */
async function ensure(host: Host, news: ServiceInputs, id: string, changed: boolean, context: Context): Promise<void> {
  if (!(await host.transport.exists(news.program.path))) {
    throw new Error(
      `${news.program.path} is not installed on ${host.name}: install the package ${news.program.package}${host.connection.platform === "local" ? " (`make tools` does on this machine)" : ""}`,
    );
  }
  await lockHost(host);
  try {
    await activate(host, news.name, news.generation);
    if (news.name === MANAGER) await ensureManager(host, news, context);
    else await ensureProgram(host, news, changed, context);
  } catch (error) {
    throw new PartialFailure(
      (error as Error).message,
      id,
      { ...news, generation: "", drift: [], reachable: true },
      { cause: error },
    );
  }
}

async function ensureManager(host: Host, news: ServiceInputs, context: Context): Promise<void> {
  if (await host.services.alive(context.signal)) return;
  const config = path.join(host.paths.current(MANAGER), "supervisord.conf");
  await run(host.transport, [news.program.path, "-c", config], { signal: context.signal });
  await waitFor(
    context,
    { what: `supervisord on ${host.name} answers`, limitMs: HEALTH_LIMIT_MS, intervalMs: 20 },
    () => host.services.alive(context.signal),
  );
}

async function ensureProgram(host: Host, news: ServiceInputs, changed: boolean, context: Context): Promise<void> {
  const { services } = host;
  if (!(await services.alive(context.signal)))
    throw new Error(`supervisord on ${host.name} does not run, so ${news.name} cannot be started`);
  const before = await services.status(news.name, context.signal);
  // start() also brings supervisord's own view of the unit up to date, and restarts it when the unit changed.
  await services.start(news.name, context.signal);
  const after = await services.status(news.name, context.signal);
  if (changed && before.running && after.pid === before.pid) {
    if (news.activate === "reload") await services.reload(news.name, context.signal);
    else await services.restart(news.name, context.signal);
  }
  if (news.check) await healthy(host, news, context);
}

async function healthy(host: Host, news: ServiceInputs, context: Context): Promise<void> {
  await waitFor(context, { what: `${news.name} on ${host.name} answers`, limitMs: HEALTH_LIMIT_MS }, async () => {
    const status = await host.services.status(news.name, context.signal);
    if (status.state === "FATAL") {
      throw new GiveUp(
        `${news.name} on ${host.name} does not start: ${status.problem}. Its log: ${(await host.services.recentLog(news.name, context.signal)).place}`,
      );
    }
    return status.running && (await answers(host, news.check!, context.signal));
  });
}

async function answers(host: Host, check: Check, signal: AbortSignal): Promise<boolean> {
  return host.connection.platform === "local" ? answersHere(check, signal) : answersThere(host, check, signal);
}

/** Asked on the host itself: its ports need not be open to whoever runs `up`. */
async function answersThere({ transport }: Host, check: Check, signal: AbortSignal): Promise<boolean> {
  const { hostname, port } =
    check.kind === "http" ? new URL(check.url) : { hostname: check.host, port: String(check.port) };
  const argv =
    check.kind === "http" ? ["sh", "-c", ASK_HTTP, "ask", check.url, hostname, port] : [...ASK_TCP, hostname, port];
  return (await transport.exec(argv, { signal, timeoutMs: 10_000 })).code === 0;
}

async function answersHere(check: Check, signal: AbortSignal): Promise<boolean> {
  if (check.kind === "http") {
    const response = await fetch(check.url, { signal: AbortSignal.any([signal, AbortSignal.timeout(2000)]) });
    await response.body?.cancel();
    return response.ok;
  }
  return new Promise((resolve) => {
    const socket = net.connect({ host: check.host, port: check.port, timeout: 2000 });
    const done = (ok: boolean) => {
      socket.destroy();
      resolve(ok);
    };
    socket
      .on("connect", () => done(true))
      .on("error", () => done(false))
      .on("timeout", () => done(false));
  });
}

async function drift(host: Host, olds: ServiceInputs, signal: AbortSignal): Promise<string[]> {
  const found: string[] = [];
  const active = await activeGeneration(host, olds.name);
  if (active !== olds.generation)
    found.push(`${olds.name} on ${host.name} has generation ${active || "none"} in force, not ${olds.generation}`);
  if (olds.name === MANAGER) {
    if (!(await host.services.alive(signal))) found.push(`supervisord on ${host.name} does not run`);
    return found;
  }
  if (!(await host.services.alive(signal)))
    return [...found, `${olds.name} on ${host.name} does not run: supervisord is down`];
  const status = await host.services.status(olds.name, signal);
  if (!status.running)
    found.push(
      `${olds.name} on ${host.name} does not run (${status.state}${status.problem ? `: ${status.problem}` : ""})`,
    );
  return found;
}
