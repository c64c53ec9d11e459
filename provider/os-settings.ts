/**
 * Files of component `os` in their places, from the host's root, and what they say in force: kernel parameters and
 * transparent huge pages. In a container the kernel is its host's: there the files lie ready and nothing is set.
 */

import * as path from "node:path";
import type { FileInput } from "../infra/resources.ts";
import type { Host } from "./host.ts";
import { run } from "./transports/transport.ts";
import type { Context } from "./types.ts";

type Files = Record<string, FileInput>;

const THP_UNIT = "disable-transparent-huge-pages.service";
const SETTING = /^([a-z_]+\.[\w.]+) = (\S+)$/gm;

// $1 the root folder without its "/", $2 "look" or "set"; the rest: name=value. A line for each that is not so: "set", "denied", "later" (programs were
// promised more memory than the limit: with it they would fail), "differs"; then the name and what is. vm.overcommit_memory comes last: with the limit of before it would be another limit.
export const KERNEL = `r=$1; mode=$2; shift 2; late=
for p; do k=\${p%%=*}; v=\${p#*=}; f=$r/proc/sys/$(echo "$k" | tr . /)
is=$(cat "$f") || exit 1
[ "$is" = "$v" ] && continue
if [ ! -w "$f" ]; then echo "denied $k $is"; continue; fi
if [ "$mode" = look ]; then echo "differs $k $is"; continue; fi
if [ "$k" = vm.overcommit_kbytes ] && [ "$((v + $(awk '/^SwapTotal:/ { print $2 }' "$r/proc/meminfo")))" -lt "$(awk '/^Committed_AS:/ { print $2 }' "$r/proc/meminfo")" ]; then late=1; fi
if [ "$late" ] && [ "\${k#vm.overcommit_}" != "$k" ]; then echo "later $k $is"; continue; fi
echo "$v" > "$f" && echo "set $k $is" || exit 1
done
t=$r/sys/kernel/mm/transparent_hugepage/enabled
[ -e "$t" ] || exit 0
is=$(sed 's/.*\\[\\(.*\\)\\].*/\\1/' "$t")
[ "$is" = never ] && exit 0
if [ ! -w "$t" ]; then echo "denied transparent_hugepage $is"; exit 0; fi
if [ "$mode" = look ]; then echo "differs transparent_hugepage $is"; exit 0; fi
systemctl restart ${THP_UNIT} && echo "set transparent_hugepage $is"`;

// $1 the root folder without its "/". Pages that PostgreSQL's unit reserved are of no use to anything else.
export const GIVE_BACK = `f=$1/proc/sys/vm/nr_hugepages; [ ! -w "$f" ] || echo 0 > "$f"`;

interface Finding {
  outcome: "set" | "denied" | "later" | "differs";
  name: string;
  /** The value there is, or was before it was set. */
  value: string;
}

/**
 * Writes the files and puts them in force; says what the kernel does not do.
 *
 * @param changed they are other files than the last time: then also what cannot be set in a container is said
 */
export async function putOsInForce(host: Host, files: Files, context: Context, changed: boolean): Promise<void> {
  const { transport } = host;
  const { signal } = context;
  let unitChanged = false;
  for (const [name, file] of Object.entries(files)) {
    const there = await transport.readFile(place(name));
    if (there?.text === file.body && there.mode === file.mode) continue;
    await transport.makeDirectory(path.dirname(place(name)), { mode: "0755" });
    await transport.writeFile(place(name), file.body, { mode: file.mode });
    unitChanged ||= name.endsWith(".service");
  }
  if (unitChanged) {
    await run(transport, ["systemctl", "daemon-reload"], { signal });
    await run(transport, ["systemctl", "enable", "--quiet", THP_UNIT], { signal });
  }
  const found = await kernel(host, "set", files, signal);
  const of = (outcome: Finding["outcome"]) => found.filter((finding) => finding.outcome === outcome);
  const said = (findings: Finding[]) => findings.map(({ name, value }) => `${name} (${value})`).join(", ");
  if (of("set").length > 0)
    context.log("info", `set in the kernel of ${host.name}, with what it was before: ${said(of("set"))}`);
  if (changed && of("denied").length > 0) {
    context.log(
      "warning",
      `${host.name} is a container, and its kernel is that of the machine it runs on: ${said(of("denied"))} stay as they are. Set them there, or memory is not kept within the budget by the kernel.`,
    );
  }
  if (of("later").length > 0)
    context.log(
      "warning",
      `programs on ${host.name} were promised more memory than the new limit: ${said(of("later"))} stay for now. The next up sets them, when the servers run with the new settings.`,
    );
}

/** The files as they are in their places; a value that the kernel does not have shows as the one it has. */
export async function readOs(host: Host, files: Files, signal: AbortSignal): Promise<Files> {
  const live: Files = {};
  const found = (await kernel(host, "look", files, signal)).filter(({ outcome }) => outcome === "differs");
  for (const name of Object.keys(files)) {
    const there = await host.transport.readFile(place(name));
    if (there) live[name] = { body: found.reduce(withLive, there.text), mode: there.mode };
  }
  return live;
}

/** Takes the files of a generation away and gives huge pages back; the kernel keeps its other values until the next boot. */
export async function removeOs(host: Host, generation: string, signal: AbortSignal): Promise<void> {
  const argv = ["find", generation, "-type", "f", "-printf", "%P\\n"];
  const names = (await run(host.transport, argv, { signal })).split("\n").filter(Boolean);
  if (names.some((name) => name.endsWith(THP_UNIT)))
    await host.transport.exec(["systemctl", "disable", "--quiet", THP_UNIT], { signal });
  for (const name of names) await host.transport.remove(place(name));
  await run(host.transport, ["systemctl", "daemon-reload"], { signal });
  await run(host.transport, ["sh", "-c", GIVE_BACK, "give-back", ""], { signal });
}

const place = (name: string): string => `/${name}`;

async function kernel(host: Host, mode: "look" | "set", files: Files, signal: AbortSignal): Promise<Finding[]> {
  const text = await run(host.transport, ["sh", "-c", KERNEL, "kernel-settings", "", mode, ...kernelSettings(files)], {
    signal,
  });
  return text
    .split("\n")
    .filter(Boolean)
    .map((line) => {
      const [outcome, name, ...value] = line.split(" ");
      return { outcome: outcome as Finding["outcome"], name: name!, value: value.join(" ") };
    });
}

/** "name=value" of every line, vm.overcommit_memory last. */
export function kernelSettings(files: Files): string[] {
  const lines = Object.entries(files)
    .filter(([name]) => name.includes("sysctl.d/"))
    .flatMap(([, { body }]) => [...body.matchAll(SETTING)].map(([, name, value]) => `${name}=${value}`));
  const last = (line: string) => line.startsWith("vm.overcommit_memory=");
  return [...lines.filter((line) => !last(line)), ...lines.filter(last)];
}

function withLive(body: string, { name, value }: Finding): string {
  if (name === "transparent_hugepage") return body.replaceAll("echo never >", `echo ${value} >`);
  return body.replace(SETTING, (line, key: string) => (key === name ? `${key} = ${value}` : line));
}
