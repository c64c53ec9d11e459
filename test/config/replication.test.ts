import { describe, expect, test } from "vitest";
import { upstreamOf } from "../../infra/config/spec.ts";
import { config, fleet, specOf } from "./support.ts";

const three = (db2: object = {}, db3: object = {}) =>
  fleet({
    db2: { role: "replica", address: "127.0.10.2", ...db2 },
    db3: { role: "replica", address: "127.0.10.3", ...db3 },
  });

describe("members", () => {
  test("stream from the primary, or from the upstream they name; the primary from nobody", () => {
    const { spec } = specOf(config({ hosts: three({}, { upstream: "db2" }) }));
    expect(spec.hosts.slice(0, 3).map((host) => [host.name, upstreamOf(spec, host)])).toEqual([
      ["db1", ""],
      ["db2", "db1"],
      ["db3", "db2"],
    ]);
  });

  test("a chain is no circle, and the primary may be named as upstream", () => {
    const hosts = {
      ...three({ upstream: "db1" }, { upstream: "db2" }),
      db4: { role: "replica", address: "127.0.10.4", upstream: "db3" },
    };
    expect(specOf(config({ hosts })).spec.hosts.find((h) => h.name === "db4")).toMatchObject({ upstream: "db3" });
  });

  test("reclone is text, whichever way YAML or the engine read it", () => {
    const read = (reclone: unknown) =>
      specOf(config({ hosts: three({ reclone }) })).spec.hosts.find((h) => h.name === "db2")!.reclone;
    expect([read(2), read("2"), read(undefined)]).toEqual(["2", "2", undefined]);
    expect([read("2026-03-01"), read("2026-03-01 00:00:00 +0000 UTC")]).toEqual(["2026-03-01", "2026-03-01"]);
    expect([read("2026-03-01T10:20:30Z"), read("2026-03-01 10:20:30 +0000 UTC")]).toEqual([
      "2026-03-01T10:20:30Z",
      "2026-03-01T10:20:30Z",
    ]);
  });
});

test("synchronous: off is off, also where YAML takes the word for false", () => {
  for (const off of ["off", "false", false, undefined])
    expect(specOf(config({ hosts: three(), synchronous: off })).spec.cluster.synchronous).toBe("off");
  expect(specOf(config({ hosts: three(), synchronous: "quorum" })).spec.cluster.synchronous).toBe("quorum");
});

test("a clone's rate is in kB/s; without it there is no limit", () => {
  const rate = (cloneRate?: string) =>
    specOf(config(cloneRate ? { rollout: { cloneRate } } : {})).spec.rollout.cloneRateKb;
  expect([rate("32kB"), rate("50MB"), rate("1GB"), rate()]).toEqual([32, 51200, 1048576, undefined]);
});
