/** Secrets, who may connect, and where state is. */

import { z } from "zod";
import { identifierPattern, secretNameProblem } from "../names.ts";
import { networkProblem } from "../network.ts";
import { key, text } from "./key.ts";

export const secrets = key(
  z
    .record(
      text(secretNameProblem, identifierPattern),
      key(z.string(), {
        shape: "an encrypted text",
        example: "{ secure: AAABAO… }",
        about:
          "Written by `pulumi config set --secret --path 'postgres-fleet:secrets.NAME'`, which asks for the value.",
        sensitive: true,
      }),
    )
    .prefault({}),
  {
    shape: "a map of names to encrypted texts",
    example: "{ broxiva_app: { secure: AAABAO… } }",
    about:
      "Secrets that other keys name. Each entry is encrypted on its own; the only place where encrypted values are allowed.",
    sensitive: true,
  },
);

export const allowedNetworks = key(z.array(text(networkProblem)).prefault([]), {
  shape: "a list of networks (CIDR)",
  example: "[10.20.0.0/16, fd00:20::/64]",
  about:
    "Networks that application roles may connect from, besides the fleet's own hosts. 0.0.0.0/0 and ::/0 are refused.",
});

export const stateDir = key(text(stateDirProblem).optional(), {
  shape: "an absolute path",
  example: "/var/lib/pgfleet/local",
  about:
    "Platform local only: folder that holds the hosts' files and data. Keep it short: the path of a unix socket has at most 107 bytes.",
  default: "/var/lib/pgfleet/<stack> as root, else a folder inside the project",
});

function stateDirProblem(value: string): string | undefined {
  const shown = JSON.stringify(value.slice(0, 60));
  if (!value.startsWith("/")) return `${shown} is not an absolute path; write e.g. "/var/lib/pgfleet/local".`;
  if (!/^[A-Za-z0-9._/+@=-]+$/.test(value))
    return `${shown} has characters that not every config file can hold; use letters, digits and . _ - + @ = only.`;
  const parts = value.split("/").filter((part) => part !== "");
  if (parts.includes("..") || parts.includes(".")) return `${shown} has a . or .. in it; write the path out.`;
  if (parts.length < 2)
    return `${shown} is a folder of the system; name one of its own below it, e.g. "/var/lib/pgfleet/local".`;
  return undefined;
}
