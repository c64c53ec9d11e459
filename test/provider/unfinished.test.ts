import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { expect, it } from "vitest";
import type { Connection } from "../../infra/resources.ts";
import { hostAt } from "../../provider/host.ts";
import { removeUnfinished } from "../../provider/rollout/unfinished.ts";

it("files and links that a killed run did not get to rename are removed, and nothing else", async () => {
  const home = fs.mkdtempSync(path.join(os.tmpdir(), "pgf-unfinished-"));
  try {
    for (const folder of ["rollout", "current"]) fs.mkdirSync(path.join(home, folder));
    const files = [
      "rollout/postgresql.conf",
      "rollout/.postgresql.conf.4711.k3j2h1",
      "rollout/.note",
      "current/.gitkeep",
    ];
    for (const file of files) fs.writeFileSync(path.join(home, file), "");
    fs.symlinkSync("../gen/postgresql/abc", path.join(home, "current/postgresql"));
    fs.symlinkSync("../gen/postgresql/def", path.join(home, "current/.postgresql.4711.x1"));
    await removeUnfinished(hostAt({ platform: "local", host: "db1", home, run: home } as Connection));
    expect(fs.readdirSync(path.join(home, "rollout")).sort()).toEqual([".note", "postgresql.conf"]);
    expect(fs.readdirSync(path.join(home, "current")).sort()).toEqual([".gitkeep", "postgresql"]);
  } finally {
    fs.rmSync(home, { recursive: true });
  }
});
