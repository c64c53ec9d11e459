import { type Case, fleet } from "../support.ts";

/** Two replicas of db1, with more laid over each. */
const replicas = (db2: object, db3: object = {}, more: Record<string, unknown> = {}) => ({
  hosts: fleet({
    db2: { role: "replica", address: "127.0.10.2", ...db2 },
    db3: { role: "replica", address: "127.0.10.3", ...db3 },
    ...more,
  }),
});
const primary = (changes: object) => ({
  hosts: fleet({ db1: { role: "primary", address: "127.0.10.1", ...changes } }),
});

export const replicationCases: Case[] = [
  [
    "upstream unknown",
    replicas({}, { upstream: "db22" }),
    "hosts.db3.upstream",
    '"db22"',
    "no host",
    'Did you mean "db2"',
    "db1, db2",
  ],
  ["upstream of itself", replicas({}, { upstream: "db3" }), "hosts.db3.upstream", "db3 itself", "db1, db2"],
  ["upstream a pooler", replicas({}, { upstream: "pool1" }), "hosts.db3.upstream", "role pooler", "db1, db2"],
  ["upstream of the primary", primary({ upstream: "db2" }), "hosts.db1.upstream", "db1 is the primary", "Remove"],
  [
    "upstream of the primary that another key names",
    {
      ...replicas({}, { upstream: "db2" }, { db1: { role: "replica", address: "127.0.10.1" } }),
      primary: "db3",
    },
    "hosts.db3.upstream",
    "db3 is the primary",
  ],
  [
    "upstream of a pooler",
    { hosts: fleet({ pool1: { role: "pooler", address: "127.0.10.10", upstream: "db1" } }) },
    "hosts.pool1.upstream",
    "runs no server",
  ],
  [
    "upstream in a circle",
    replicas({ upstream: "db3" }, { upstream: "db2" }),
    "hosts.db2.upstream",
    "circle",
    "db2 streams from db3 streams from db2",
  ],
  [
    "upstream in a circle that others hang on",
    replicas(
      { upstream: "db4" },
      { upstream: "db2" },
      { db4: { role: "replica", address: "127.0.10.4", upstream: "db2" } },
    ),
    "hosts.db2.upstream",
    "circle",
  ],
  ["upstream a list", replicas({}, { upstream: ["db2"] }), "hosts.db3.upstream", "the name of another replica"],

  [
    "reclone on the primary",
    primary({ reclone: 1 }),
    "hosts.db1.reclone",
    "db1, which is the primary",
    "postgres-fleet:primary: db2",
    "remove the line",
  ],
  [
    "reclone on a monitoring host",
    { hosts: fleet({ mon1: { role: "monitoring", address: "127.0.10.20", reclone: 1 } }) },
    "hosts.mon1.reclone",
    "role monitoring",
  ],
  ["reclone with a blank", replicas({ reclone: "once more" }), "hosts.db2.reclone", "a number or a word", "2026-03-01"],
  ["reclone empty", replicas({ reclone: "" }), "hosts.db2.reclone", "a number or a word"],
  ["reclone true", replicas({ reclone: true }), "hosts.db2.reclone", "a number or a word"],
  ["reclone over lines", replicas({ reclone: "a\nb" }), "hosts.db2.reclone", "a number or a word"],

  ["synchronous misspelled", { ...replicas({}), synchronous: "quorom" }, "synchronous", 'Did you mean "quorum"'],
  ["synchronous on", { ...replicas({}), synchronous: true }, "synchronous", 'Write "quorum"'],
  [
    "quorum without replicas",
    { synchronous: "quorum" },
    "synchronous",
    "two replicas",
    "there is none",
    "synchronous: off",
  ],
  [
    "quorum with one replica",
    { hosts: fleet(), synchronous: "quorum" },
    "synchronous",
    "only db2",
    "every commit of the cluster would wait",
  ],
  [
    "quorum with one replica and a cascade",
    { ...replicas({}, { upstream: "db2" }), synchronous: "quorum" },
    "synchronous",
    "only db2",
    "do not count",
  ],
  [
    "quorum against a parameter",
    { ...replicas({}), synchronous: "quorum", parameters: { synchronous_standby_names: "*" } },
    "parameters.synchronous_standby_names",
    "synchronous: quorum",
  ],
  [
    "quorum against a parameter of a host",
    { ...replicas({ parameters: { synchronous_standby_names: "db3" } }), synchronous: "quorum" },
    "hosts.db2.parameters.synchronous_standby_names",
    "synchronous: quorum",
  ],

  ["clone rate without a unit", { rollout: { cloneRate: 100 } }, "rollout.cloneRate", '"100kB"', '"100MB"'],
  ["clone rate 100M", { rollout: { cloneRate: "100M" } }, "rollout.cloneRate", 'write "100MB"'],
  ["clone rate too small", { rollout: { cloneRate: "31kB" } }, "rollout.cloneRate", "31kB", "32kB to 1GB"],
  ["clone rate too large", { rollout: { cloneRate: "2GB" } }, "rollout.cloneRate", "2GB", "32kB to 1GB"],
  ["clone rate no size", { rollout: { cloneRate: "fast" } }, "rollout.cloneRate", "not a rate", '"50MB"'],
];
