/** Tuned settings against real servers: accepted by the parser, in force after a start, shared memory within the fit. */
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import * as path from "node:path";
import fc from "fast-check";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { factOf, factsFor, majors, type ParameterFact } from "../../infra/tuning/facts.ts";
import { formatQuantity, parseQuantity } from "../../infra/tuning/format.ts";
import { confValue, tuningConf } from "../../infra/tuning/report.ts";
import { BudgetError, type TuneInput, tune } from "../../infra/tuning/tune.ts";
import type { Tuning } from "../../infra/tuning/types.ts";
import { validateOverride } from "../../infra/tuning/validate.ts";
import {
  askServer,
  type Binaries,
  embeddedPostgres,
  initdb,
  serverFolder,
  startServer,
} from "../support/embedded-postgres.ts";
import { server } from "../tuning/arbitrary.ts";

const PARSED = 200;
const STARTED = 20;
const SEED = 20261119;
const FACTS = new URL("../../infra/tuning/facts/", import.meta.url);

interface Case {
  input: TuneInput;
  tuning: Tuning;
}

/** Generated servers that tuning accepts, the same ones each time. */
function cases(version: TuneInput["version"], count: number, change: (input: TuneInput) => TuneInput): Case[] {
  const found: Case[] = [];
  for (const sampled of fc.sample(server, { numRuns: count * 4, seed: SEED })) {
    // A huge_pages = on server needs pages this machine may not have; what is checked here are the values.
    const input: TuneInput = { ...change(sampled), version, walSegmentSizeMb: 16, hugePages: "off" };
    try {
      found.push({ input, tuning: tune(input) });
    } catch (error) {
      if (!(error instanceof BudgetError)) throw error;
    }
    if (found.length === count) return found;
  }
  throw new Error(`only ${found.length} of ${count} generated servers can be tuned`);
}

async function connect(sockets: string): Promise<pg.Client | undefined> {
  const client = new pg.Client({ host: sockets, user: "postgres", database: "postgres" });
  try {
    await client.connect();
    return client;
  } catch {
    await client.end().catch(() => undefined);
    return undefined;
  }
}

/** Parameters whose values the server checks against more than type and range: other values, the build, the system. */
const NEEDS_MORE_THAN_A_VALUE = /^(max_stack_depth|transaction_\w+)$/;

/** For every parameter that can be overridden, values at and over its edges; each round has each name once. */
function rounds(major: TuneInput["version"]): [string, string][][] {
  const judged = (name: string, fact: ParameterFact): boolean =>
    // A changed restart parameter is reported like a wrong one, so only the others tell something.
    !["internal", "postmaster"].includes(fact.context) &&
    fact.vartype !== "string" &&
    !/cannot be overridden|belongs to a restore/.test(validateOverride(name, fact.bootVal ?? "", major) ?? "");
  const names = [...factsFor(major)].filter(([name, fact]) => judged(name, fact));
  const values: ((fact: ParameterFact) => string | undefined)[] = [
    (fact) => fact.bootVal,
    (fact) => (fact.min === undefined ? undefined : String(fact.min)),
    (fact) => (fact.max === undefined ? undefined : String(fact.max)),
    (fact) => (fact.vartype === "integer" ? String(fact.min! - 1) : undefined),
    (fact) => (fact.vartype === "integer" ? String(fact.max! + 1) : undefined),
    (fact) => (fact.unit ? formatQuantity(Math.min(fact.max!, 1048576), fact.unit) : undefined),
    (fact) => (fact.unit ? "64KB" : undefined),
    (fact) => (fact.unit ? "5m" : undefined),
    (fact) => (fact.unit ? "1.5GB" : fact.vartype === "integer" ? undefined : "1.5"),
    () => "90s",
    () => "1.5h",
    () => "2000us",
    () => "on",
    () => "NO",
    () => "t",
    () => "o",
    () => "maybe",
    (fact) => fact.enumvals?.at(-1)?.toUpperCase(),
    () => "0x1F",
    () => "1e2",
    () => "010",
  ];
  return values.map((value) =>
    names.flatMap(([name, fact]): [string, string][] => {
      const text = value(fact);
      return text === undefined ? [] : [[name, text]];
    }),
  );
}

/** Runs a server with this file for as long as `use` takes. */
async function withServer(
  binaries: Binaries,
  data: string,
  file: string,
  use: (client: pg.Client) => Promise<void>,
): Promise<void> {
  let client: pg.Client | undefined;
  const running = await startServer(binaries, data, file, async (sockets) => {
    client = await connect(sockets);
    return client !== undefined;
  });
  try {
    await use(client!);
  } finally {
    await client!.end();
    await running.stop();
  }
}

/** A declared value in the form pg_settings.setting has it. */
function asSetting(name: string, value: string, version: TuneInput["version"]): string {
  const fact = factOf(name, version);
  if (fact?.vartype !== "integer" && fact?.vartype !== "real") return value;
  const parsed = parseQuantity(value, fact.unit);
  return parsed.ok ? String(parsed.quantity) : value;
}

for (const major of majors) {
  const binaries = await embeddedPostgres(major);
  describe.skipIf(!binaries)(`PostgreSQL ${major}`, () => {
    let folder = "";
    let data = "";
    let file = "";

    beforeAll(async () => {
      folder = serverFolder(`pgfleet-tuning-${major}-`);
      data = path.join(folder, "data");
      file = path.join(folder, "postgresql.conf");
      await initdb(binaries!, data);
    });
    afterAll(() => rmSync(folder, { recursive: true, force: true }));

    test("the facts are what this server says of itself", async () => {
      writeFileSync(file, "");
      await withServer(binaries!, data, file, async (client) => {
        const { rows } = await client.query({
          text: readFileSync(new URL("extract.sql", FACTS), "utf8"),
          rowMode: "array",
        });
        expect(`${rows[0]?.[0]}\n`).toBe(readFileSync(new URL(`pg${major}.json`, FACTS), "utf8"));
      });
    });

    test("an override is judged as the server judges it", async () => {
      writeFileSync(file, "");
      await withServer(binaries!, data, file, async (client) => {
        const differ: string[] = [];
        for (const attempts of rounds(major)) {
          writeFileSync(file, attempts.map(([name, value]) => `${name} = ${confValue(value)}\n`).join(""));
          const { rows } = await client.query<{ name: string; error: string | null }>(
            "SELECT name, error FROM pg_file_settings",
          );
          const errors = new Map(rows.map((row) => [row.name, row.error]));
          for (const [name, value] of attempts) {
            const error = errors.get(name);
            const refused = Boolean(error);
            const judged = validateOverride(name, value, major) !== undefined;
            if (refused !== judged && !(refused && NEEDS_MORE_THAN_A_VALUE.test(name))) {
              differ.push(
                `${name} = ${value}: server ${error ?? "takes it"}, project ${validateOverride(name, value, major) ?? "takes it"}`,
              );
            }
          }
        }
        expect(differ).toEqual([]);
      });
    });

    test(`${PARSED} tuned servers are accepted by the server's own parser`, { timeout: 300_000 }, async () => {
      for (const { input, tuning } of cases(major, PARSED, (input) => input)) {
        writeFileSync(file, tuningConf(tuning, input));
        const sharedMb = Number(
          await askServer(binaries!, data, file, major >= 15 ? "shared_memory_size" : "max_connections"),
        );
        expect(sharedMb).toBeGreaterThan(0);
        if (major < 15) continue;
        const term = tuning.budget.terms.find(({ name }) => name === "shared memory")!;
        expect(term.mb, `${JSON.stringify(input)} has ${sharedMb} MB of shared memory`).toBeGreaterThanOrEqual(
          sharedMb,
        );
      }
    });

    test(`${STARTED} tuned servers start and run what was declared`, { timeout: 600_000 }, async () => {
      // Small enough to start on any machine that runs tests.
      const small = (input: TuneInput): TuneInput => {
        const connections = input.connections && Math.max(5, input.connections % 60);
        const memoryMb = 512 + (input.memoryMb % 3584);
        return { ...input, memoryMb, otherServicesMb: 0, ...(connections ? { connections } : {}) };
      };
      for (const { input, tuning } of cases(major, STARTED, small)) {
        writeFileSync(file, tuningConf(tuning, input));
        await withServer(binaries!, data, file, async (client) => {
          const { rows } = await client.query<{ name: string; setting: string; source: string; unit: string | null }>(
            "SELECT name, setting, source, unit FROM pg_settings",
          );
          const live = new Map(rows.map((row) => [row.name, row]));
          for (const [name, { value }] of tuning.settings) {
            const row = live.get(name);
            const shown =
              row && factOf(name, major)?.unit
                ? formatQuantity(Number(row.setting), row.unit ?? undefined)
                : row?.setting;
            expect([name, shown, row?.source]).toEqual([
              name,
              factOf(name, major)?.unit ? value : asSetting(name, value, major),
              "configuration file",
            ]);
          }
          const wrong = await client.query(
            "SELECT name, error FROM pg_file_settings WHERE error IS NOT NULL OR NOT applied",
          );
          expect(wrong.rows).toEqual([]);
        });
      }
    });
  });
}
