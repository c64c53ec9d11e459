import { type Case, existing } from "../support.ts";

const given = (changes: object = {}): object => ({
  mode: "given",
  ca: "tls_ca",
  certificate: "tls_certificate",
  key: "tls_key",
  ...changes,
});
const secrets = { tls_ca: "A", tls_certificate: "B", tls_key: "C" };

export const tlsCases: Case[] = [
  ["tls as a word", { tls: "yes" }, "tls", "a map"],
  ["tls with an unknown mode", { tls: { mode: "own" } }, "tls.mode", 'Write "on"'],
  ["tls off in a network", { ...existing("10.0.0.1"), tls: { mode: "off" } }, "tls.mode", "readable", "exception"],
  [
    "tls off with an empty reason",
    { ...existing("10.0.0.1"), tls: { mode: "off", exception: " " } },
    "tls.mode",
    "exception",
  ],
  [
    "tls only offered in a network",
    { ...existing("10.0.0.1"), tls: { required: false } },
    "tls.required",
    "replication and poolers",
    "exception",
  ],
  [
    "tls off and only offered, in a network",
    { ...existing("10.0.0.1"), tls: { mode: "off", required: false } },
    "tls.mode",
    "readable",
  ],
  ["tls given without a key", { secrets, tls: given({ key: undefined }) }, "tls.key", "is missing", "PEM"],
  [
    "tls given with a misspelled secret",
    { secrets, tls: given({ ca: "tls_caa" }) },
    "tls.ca",
    'Did you mean "tls_ca"',
    "pulumi config set --secret",
  ],
  ["tls with an authority that is not used", { secrets, tls: { ca: "tls_ca" } }, "tls.ca", "mode: given"],
  ["tls valid for a day", { tls: { validDays: 1 } }, "tls.validDays", "2 to 3650"],
  ["tls signed by nobody's authority", { tls: { caVersion: 2, caTrusted: [1] } }, "tls.caTrusted", "[1, 2]"],
  ["tls authority twice", { tls: { caTrusted: [1, 1] } }, "tls.caTrusted[1]", "twice"],
  ["ssl as a parameter", { parameters: { ssl: "off" } }, "parameters.ssl", "postgres-fleet:tls"],
  [
    "TLS of PgBouncer as a parameter",
    {
      hosts: { db1: { role: "primary", address: "127.0.10.1" }, p1: { role: "pooler", address: "127.0.10.9" } },
      pooler: { parameters: { server_tls_sslmode: "disable" } },
    },
    "pooler.parameters.server_tls_sslmode",
    "tls.required",
  ],
];
