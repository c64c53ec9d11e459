/** Tuned settings against real servers: accepted by the parser, in force after a start, shared memory within the fit. */
import { rmSync, writeFileSync } from "node:fs";
import * as path from "node:path";
import fc from "fast-check";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { factOf, majors } from "../../infra/tuning/facts.ts";
import { formatQuantity, parseQuantity } from "../../infra/tuning/format.ts";
import { tuningConf } from "../../infra/tuning/report.ts";
import { BudgetError, type TuneInput, tune } from "../../infra/tuning/tune.ts";
import type { Tuning } from "../../infra/tuning/types.ts";
import { askServer, embeddedPostgres, initdb, serverFolder, startServer } from "../support/embedded-postgres.ts";
import { server } from "../tuning/arbitrary.ts";

const PARSED = 200;
const STARTED = 20;
const SEED = 20261119;

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
    const folder = serverFolder(`pgfleet-tuning-${major}-`);
    const data = path.join(folder, "data");
    const file = path.join(folder, "postgresql.conf");

    beforeAll(() => initdb(binaries!, data));
    afterAll(() => rmSync(folder, { recursive: true, force: true }));

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
        let client: pg.Client | undefined;
        const running = await startServer(binaries!, data, file, async (sockets) => {
          client = await connect(sockets);
          return client !== undefined;
        });
        try {
          const { rows } = await client!.query<{ name: string; setting: string; source: string; unit: string | null }>(
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
          const wrong = await client!.query(
            "SELECT name, error FROM pg_file_settings WHERE error IS NOT NULL OR NOT applied",
          );
          expect(wrong.rows).toEqual([]);
        } finally {
          await client!.end();
          await running.stop();
        }
      }
    });
  });
}
