/** Resources of the stand-in: each change is the SQL that the plugin runs for it, over a connection of its own. */

import { Client } from "pg";
import type { AnyResource } from "../../../provider/registry.ts";
import type { Resource } from "../../../provider/types.ts";
import { createScript, deleteScript, type Statement, updateScript } from "./sql.ts";

export interface Login {
  /** Address, or the folder of a unix socket. */
  host: string;
  port: number;
  user: string;
  password?: string;
}

type Inputs = Record<string, unknown>;

const KINDS = {
  Role: "role",
  Database: "database",
  Schema: "schema",
  Extension: "extension",
  Grant: "grant",
  DefaultPrivileges: "defaultPrivileges",
} as const;

/** @param login asked for at each change */
export function resourcesAt(login: () => Login): Map<string, AnyResource> {
  return new Map(
    Object.entries(KINDS).map(([name, module]) => {
      const type = `postgresql:index/${module}:${name}`;
      return [type, resource(type, login)];
    }),
  );
}

function resource(type: string, login: () => Login): Resource<Inputs, Inputs> {
  const run = (statement: Statement): Promise<void> => runScript(login(), statement);
  return {
    secrets: ["password"],
    diff(olds, news) {
      const keys = new Set([...Object.keys(olds), ...Object.keys(news)]);
      const changed = [...keys].filter((key) => JSON.stringify(olds[key]) !== JSON.stringify(news[key]));
      const detailed = Object.fromEntries(changed.map((key) => [key, { kind: "update", inputDiff: true } as const]));
      return { changes: changed.length > 0, detailed };
    },
    async create(news) {
      await run(createScript(type, news));
      return { id: String(news.name ?? JSON.stringify(Object.values(news))), outputs: news };
    },
    // What is there is not looked at: of changes by hand the stand-in knows nothing.
    async read(id, olds, oldInputs) {
      return { id, inputs: oldInputs, outputs: olds };
    },
    async update(_id, olds, news) {
      await run(updateScript(type, olds, news));
      return news;
    },
    async delete(_id, olds) {
      await run(deleteScript(type, olds));
    },
  };
}

async function runScript({ host, port, user, password }: Login, { database, script }: Statement): Promise<void> {
  const client = new Client({ host, port, user, password, database: database ?? "postgres" });
  client.on("error", () => {});
  await client.connect();
  try {
    // CREATE DATABASE runs alone; everything else in one transaction, as the plugin does it.
    await client.query(script);
  } finally {
    await client.end();
  }
}
