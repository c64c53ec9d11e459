/** The files in `facts/`: the one place that knows which majors the project has facts for. */
import { readdirSync, readFileSync } from "node:fs";

const FOLDER = new URL("./facts/", import.meta.url);

/** Majors that have a `pg<major>.json`, oldest first. */
export function factMajors(): number[] {
  return readdirSync(FOLDER)
    .flatMap((file) => /^pg(\d+)\.json$/.exec(file)?.[1] ?? [])
    .map(Number)
    .sort((a, b) => a - b);
}

/** A file of the folder, e.g. "pg17.json". Throws when there is none. */
export function readFactFile<T>(file: string): T {
  return JSON.parse(readFileSync(new URL(file, FOLDER), "utf8")) as T;
}
