/** Reads a `Pulumi.<stack>.yaml` without the engine, and remembers on which line each key is. Pure: takes the text. */

import { type Document, isMap, isNode, isScalar, LineCounter, parseDocument, type Scalar, visit } from "yaml";
import { ENCRYPTED } from "./encrypted.ts";
import { mapValues } from "./maps.ts";
import type { RawConfig } from "./normalize.ts";
import { type Path, type Problem, pathText, quote } from "./problems.ts";
import { keepRoot } from "./stack-root.ts";
import { decode, textProblem } from "./stack-text.ts";
import { nearest } from "./suggest.ts";
import { aliasMessage, nodeLine, yamlMessage } from "./yaml-nodes.ts";

export const namespace = "postgres-fleet";

export interface StackFile {
  /** Keys of the namespace `postgres-fleet`, without the prefix. Encrypted values are `ENCRYPTED`. */
  raw: RawConfig;
  /** `["hosts", "db2"]` → "Pulumi.local.yaml:12"; for a key that is not there, the line of what it belongs in. */
  locate: (path: Path) => string | undefined;
  /** What keeps the file from being read, or from being read as meant. Not empty: `raw` may be incomplete. */
  problems: Problem[];
}

/**
 * @param content The file's text, or its bytes when it may not be UTF-8.
 * @param fileName As it is shown in messages, e.g. "Pulumi.local.yaml".
 * @throws nothing: what is wrong is in `problems`.
 */
export function parseStackFile(content: string | Uint8Array, fileName: string): StackFile {
  const problems: Problem[] = [];
  const add = (path: string, line: number | undefined, message: string): void => {
    problems.push({ path, where: line === undefined ? fileName : `${fileName}:${line}`, message });
  };
  const failed = (): StackFile => ({ raw: {}, locate: () => fileName, problems });

  const text = decode(content);
  const bad =
    text === undefined ? { line: undefined, message: "is not UTF-8 text. Save it as UTF-8." } : textProblem(text);
  if (text === undefined || bad !== undefined) {
    add("", bad?.line, bad?.message ?? "");
    return failed();
  }

  const lines = new LineCounter();
  // `merge` because the engine's own parser knows "<<" too; prettyErrors would put lines of the file into messages.
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, merge: true });
  for (const error of [...document.errors, ...document.warnings])
    add("", lines.linePos(error.pos[0]).line, yamlMessage(error));
  visit(document, {
    Alias(_key, alias) {
      if (alias.resolve(document) === undefined) add("", lines.linePos(alias.range?.[0] ?? 0).line, aliasMessage);
    },
  });
  if (problems.length > 0) return failed();

  let root: unknown;
  try {
    root = document.toJS({ maxAliasCount: 100 });
    keepRoot(text, root);
  } catch {
    add("", undefined, "refers to more aliases (*name) than a stack file needs, or to itself. Write the values out.");
    return failed();
  }
  const config = isObject(root) ? root.config : undefined;
  if (!isObject(config)) {
    add("", undefined, `has no "config:" map. Its keys look like this:\nconfig:\n  ${namespace}:cluster: broxiva`);
    return failed();
  }

  const own: [string, unknown][] = [];
  const fileKeys = new Map<string, string>();
  for (const [fileKey, value] of Object.entries(config)) {
    const line = nodeLine(document, lines, ["config", fileKey]);
    const name = ownKey(fileKey, (message) => add(fileKey, line, message));
    if (name === undefined) continue;
    if (fileKeys.has(name))
      add(name, line, `is set twice, as ${quote(fileKeys.get(name)!)} and ${quote(fileKey)}; remove one.`);
    fileKeys.set(name, fileKey);
    own.push([name, encryptedMarked(value)]);
  }
  const raw: RawConfig = Object.fromEntries(own);
  refuseClearSecrets(raw, (path) =>
    add(pathText(path), nodeLine(document, lines, filePath(path, fileKeys)), clearSecretMessage(path)),
  );
  refuseAmbiguousNumbers(document, lines, (line) =>
    add(
      "",
      line,
      "has a number with a leading zero or with _ in it, which not all parsers read alike. Put it in quotes, or write it plainly.",
    ),
  );
  const locate = (path: Path): string => `${fileName}:${nodeLine(document, lines, filePath(path, fileKeys)) ?? 1}`;
  return { raw, locate, problems };
}

const filePath = ([name, ...rest]: Path, fileKeys: Map<string, string>): Path =>
  name === undefined ? ["config"] : ["config", fileKeys.get(String(name)) ?? `${namespace}:${name}`, ...rest];

/** The part behind `postgres-fleet:`; undefined for keys of others. */
function ownKey(fileKey: string, report: (message: string) => void): string | undefined {
  const colon = fileKey.indexOf(":");
  if (colon < 0) {
    report(`has no namespace. Keys of this project are written "${namespace}:${fileKey}".`);
    return undefined;
  }
  const prefix = fileKey.slice(0, colon);
  // "postgres-fleet:config:cluster" is the long spelling of the same key.
  if (prefix === namespace) return fileKey.slice(colon + 1).replace(/^config:/, "");
  if (nearest(prefix, [namespace]) !== undefined)
    report(`is a key of another project, "${prefix}". Did you mean "${namespace}:${fileKey.slice(colon + 1)}"?`);
  return undefined;
}

function encryptedMarked(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(encryptedMarked);
  if (!isObject(value)) return value;
  const keys = Object.keys(value);
  if (keys.length === 1 && keys[0] === "secure" && typeof value.secure === "string") return ENCRYPTED;
  return mapValues(value, encryptedMarked);
}

function refuseClearSecrets(raw: RawConfig, report: (path: Path) => void): void {
  const secrets = raw.secrets;
  if (typeof secrets === "string") report(["secrets"]);
  if (!isObject(secrets)) return;
  for (const [name, value] of Object.entries(secrets))
    if (typeof value === "string" || typeof value === "number") report(["secrets", name]);
}

const clearSecretMessage = ([, name = "NAME"]: Path): string =>
  `is in clear text in the file. Remove the line, choose a new value, and have it encrypted: pulumi config set --secret --path '${namespace}:secrets.${name}'`;

/** The engine's parser reads 0640 as octal and 1_000 as a number, YAML 1.2 as decimal and as text: nobody should have to know. The number is not quoted: it may be a secret. */
function refuseAmbiguousNumbers(document: Document, lines: LineCounter, report: (line: number) => void): void {
  const config = document.get("config", true);
  if (!isMap(config)) return;
  for (const pair of config.items) {
    if (!isScalar(pair.key) || !String(pair.key.value).startsWith(`${namespace}:`) || !isNode(pair.value)) continue;
    visit(pair.value, {
      Scalar(_key, node: Scalar) {
        if (isAmbiguousNumber(node)) report(lines.linePos(node.range?.[0] ?? 0).line);
      },
    });
  }
}

function isAmbiguousNumber({ value, type, source = "" }: Scalar): boolean {
  if (type !== "PLAIN") return false;
  return typeof value === "number" ? /^[-+]?0\d+$/.test(source) : /^[-+]?\d+(_\d+)+$/.test(source);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
