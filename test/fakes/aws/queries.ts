/** What the stand-in's `aws` command answers. Pure. */

import { type CloudState, type Entry, find, ofKind, outputsOf } from "./cloud.ts";

/** Ids of the instances that pass all filters, as `--output text` prints them. */
export function describeInstances(state: CloudState, args: string[]): string {
  const filters = valuesOf(args, "--filters").map(parseFilter);
  const ids = valuesOf(args, "--instance-ids");
  const found = ofKind(state, "ec2/instance")
    .filter((entry) => (ids.length === 0 || ids.includes(entry.id)) && filters.every((filter) => passes(entry, filter)))
    .map(({ id }) => id);
  const [query = ""] = valuesOf(args, "--query");
  if (!/InstanceId/.test(query) || valuesOf(args, "--output")[0] !== "text")
    throw new Error(
      "the stand-in prints instance ids only: --query 'Reservations[].Instances[].InstanceId' --output text",
    );
  return /\[0\]/.test(query) ? (found[0] ?? "None") : found.join("\t");
}

/** Where a session's port is. @throws as the service does when nobody is there */
export function sessionAddress(state: CloudState, args: string[]): [address: string, port: number] {
  const [target = ""] = valuesOf(args, "--target");
  const [document = ""] = valuesOf(args, "--document-name");
  if (document !== "AWS-StartSSHSession") throw new Error(`the stand-in has no document "${document}"`);
  const instance = find(state, "ec2/instance", target);
  if (!instance || outputsOf(instance).instanceState !== "running")
    throw new Error(
      `An error occurred (TargetNotConnected) when calling the StartSession operation: ${target} is not connected.`,
    );
  const [, port = "22"] = /portNumber"?[=:]\s*\[?"?(\d+)/.exec(valuesOf(args, "--parameters").join(" ")) ?? [];
  return [String(outputsOf(instance).privateIp), Number(port)];
}

interface Filter {
  name: string;
  values: string[];
}

/** Name=tag:a,Values=b,c */
function parseFilter(text: string): Filter {
  const [, name, values] = /^Name=([^,]+),Values=(.*)$/.exec(text) ?? [];
  if (name === undefined || values === undefined)
    throw new Error(`Error parsing parameter '--filters': Expected: Name=…,Values=…, received: '${text}'`);
  return { name, values: values.split(",") };
}

function passes(entry: Entry, { name, values }: Filter): boolean {
  const { tagsAll = {}, instanceState, privateIp } = outputsOf(entry);
  if (name === "instance-state-name") return values.includes(String(instanceState));
  if (name === "private-ip-address") return values.includes(String(privateIp));
  if (name.startsWith("tag:")) return values.includes((tagsAll as Record<string, string>)[name.slice(4)] ?? "\0none");
  throw new Error(`the stand-in has no filter "${name}"`);
}

/** All that follows an option, up to the next. */
function valuesOf(args: string[], option: string): string[] {
  const at = args.findIndex((arg) => arg === option || arg.startsWith(`${option}=`));
  if (at < 0) return [];
  const own = args[at]!.includes("=") && args[at] !== option ? [args[at]!.slice(option.length + 1)] : [];
  const rest = args.slice(at + 1);
  const end = rest.findIndex((arg) => arg.startsWith("--"));
  return [...own, ...rest.slice(0, end < 0 ? rest.length : end)];
}
