/** supervisord of a host, and the program section that each other component brings along. */

import { component, type HostInput, renderFile } from "./host-input.ts";
import { pooledConnections } from "./pools.ts";
import { supervisorCommand, supervisorEnvironment, supervisorGlob, supervisorValue } from "./quoting.ts";
import { hasSystemd, unitFile } from "./systemd.ts";
import type { View } from "./template.ts";
import type { Component, ComponentName, PlannedFile } from "./types.ts";

/** Descriptors beyond pooled connections: logs, sockets, exporters, Prometheus' own files. */
const OTHER_DESCRIPTORS = 1024;

/** Open files that a service of this host may have, in steps of 1024: all connections of a pooler fit into it. */
export function openFiles(input: HostInput): number {
  const { spec, host } = input;
  // A limit is for one process.
  const pooled = spec.pooler?.hosts.includes(host.name)
    ? spec.pooler.maxClientConnections + pooledConnections(input)
    : 0;
  return Math.ceil((pooled + OTHER_DESCRIPTORS) / 1024) * 1024;
}

export function supervisorComponent(input: HostInput): Component {
  const { layout } = input;
  const view: View = {
    socket: supervisorValue(`${layout.run}/supervisor.sock`),
    pidfile: supervisorValue(`${layout.run}/supervisord.pid`),
    logfile: supervisorValue(`${layout.log}/supervisord.log`),
    childLogs: supervisorValue(layout.log),
    include: supervisorGlob(`${layout.current}/*/supervisor.conf`),
    user: supervisorUser(input),
    descriptors: openFiles(input),
  };
  return component("supervisor", [renderFile(input, "supervisor", "supervisord.conf", { change: "restart" }, view)]);
}

/** Names and values of a program section. The partial `_program` writes them. */
export interface Program {
  command: readonly string[];
  /** No secret belongs here: the OS user's other processes can read it. */
  environment?: Record<string, string>;
  stopSignal: "INT" | "TERM";
  /** Seconds until supervisord loses patience and kills. */
  stopWaitSeconds: number;
  /** Lower starts first. */
  priority: number;
  /** More names for the component's own template. */
  view?: View;
}

/** The service's section for supervisor, or its unit. */
export function programFile(
  input: HostInput,
  name: Exclude<ComponentName, "supervisor">,
  program: Program,
): PlannedFile {
  if (hasSystemd(input)) return unitFile(input, name, name, program);
  const view: View = { ...program.view, program: programView(input, name, program) };
  return renderFile(input, name, "supervisor.conf", { change: "restart" }, view);
}

/** What the partial `_program` needs. @param name of the program, and of its log */
export function programView(input: HostInput, name: string, program: Program): View {
  const { layout } = input;
  const environment = { HOME: layout.home, USER: layout.user, LC_ALL: "C.UTF-8", ...program.environment };
  return {
    name,
    command: supervisorCommand(program.command),
    // supervisord cannot give a process another user unless it is root.
    user: supervisorUser(input) === layout.user ? null : supervisorValue(layout.user),
    directory: supervisorValue(layout.home),
    environment: supervisorEnvironment(environment),
    stopSignal: program.stopSignal,
    stopWaitSeconds: program.stopWaitSeconds,
    priority: program.priority,
    logfile: supervisorValue(`${layout.log}/${name}.log`),
  };
}

const supervisorUser = (input: HostInput): string => input.layout.supervisorUser ?? "root";
