/**
 * A rendered fleet in one file: what one revision's `render` hands to another's `diff`. One line of JSON says where
 * things are, then comes the packed plan, then every text, each once. Many files would take longer to write, read and
 * remove than everything else about them.
 */

import { type PackedData, pack, unpack } from "./pack.ts";
import type { PlanFile, PlanHost } from "./plan-file.ts";
import type { RenderedFleet, SecretValues } from "./types.ts";

const FORMAT = "pgfleet-bundle";
/** Raised when a reader of the version before would read something else; another field in the plan does not count. */
export const BUNDLE_VERSION = 1;

interface Head {
  format: typeof FORMAT;
  version: number;
  /** Bytes of the packed plan. */
  planBytes: number;
  /** In the order of the file. Those that the reader has are not in it. */
  texts: [sha256: string, bytes: number][];
}

interface Content {
  plan: PlanFile;
  secrets: SecretValues;
}

export interface Bundle {
  fleet: RenderedFleet;
  secrets: SecretValues;
}

/**
 * @param known hashes of texts that the reader has
 * @returns parts of the file, in order
 */
export function bundleParts(
  { plan, body }: RenderedFleet,
  secrets: SecretValues,
  known: ReadonlySet<string> = new Set(),
): Uint8Array[] {
  const texts = new Map<string, Uint8Array>();
  for (const { path, sha256 } of entriesOf(plan))
    if (!known.has(sha256) && !texts.has(sha256)) texts.set(sha256, Buffer.from(body(path)));
  const content: Content = { plan: withFewGenerations(plan), secrets };
  const packed = Buffer.from(JSON.stringify(pack(content)));
  const head: Head = {
    format: FORMAT,
    version: BUNDLE_VERSION,
    planBytes: packed.length,
    texts: [...texts].map(([sha256, text]) => [sha256, text.length]),
  };
  return [Buffer.from(`${JSON.stringify(head)}\n`), packed, ...texts.values()];
}

/** Hash → path, of every text of a fleet. */
export const textsOf = (plan: PlanFile): Map<string, string> =>
  new Map(entriesOf(plan).map(({ path, sha256 }) => [sha256, path]));

/**
 * @param known the text that a hash stands for, where it was left out
 * @returns undefined: another version's, or no bundle at all
 */
export function readBundle(file: Buffer, known: (sha256: string) => string | undefined): Bundle | undefined {
  const line = file.indexOf("\n");
  const head = line < 0 ? undefined : headOf(file.toString("utf8", 0, line));
  if (head?.format !== FORMAT || head.version !== BUNDLE_VERSION) return undefined;
  const planEnd = line + 1 + head.planBytes;
  const { plan, secrets } = unpack(JSON.parse(file.toString("utf8", line + 1, planEnd)) as PackedData) as Content;
  const places = new Map<string, [from: number, to: number]>();
  let at = planEnd;
  for (const [sha256, bytes] of head.texts) {
    places.set(sha256, [at, at + bytes]);
    at += bytes;
  }
  if (at !== file.length) return undefined;
  let hashes: Map<string, string> | undefined;
  const body = (path: string): string => {
    hashes ??= new Map(entriesOf(plan).map((entry) => [entry.path, entry.sha256]));
    const sha256 = hashes.get(path) ?? "";
    const place = places.get(sha256);
    const text = place ? file.toString("utf8", ...place) : known(sha256);
    if (text === undefined) throw new Error(`no file ${path} is rendered`);
    return text;
  };
  return { fleet: { plan, body }, secrets };
}

function headOf(text: string): Head | undefined {
  try {
    return JSON.parse(text) as Head;
  } catch {
    return undefined;
  }
}

const entriesOf = (plan: PlanFile) => plan.hosts.flatMap(({ components }) => components.flatMap(({ files }) => files));

/**
 * The name of a generation is a hash over whole files and is asked for to see whether both revisions name alike: for
 * that the first host of each role is enough.
 */
function withFewGenerations(plan: PlanFile): PlanFile {
  const roles = new Set<string>();
  const hosts = plan.hosts.map((host) => {
    if (!roles.has(host.role)) {
      roles.add(host.role);
      return host;
    }
    const components = host.components.map(({ name, files, secrets }) => ({ name, files, secrets }));
    return { ...host, components } as PlanHost;
  });
  return { ...plan, hosts };
}
