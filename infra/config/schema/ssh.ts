/** How hosts that exist already are reached: for all of them at the top, for one of them at the host. */

import { z } from "zod";
import { integer, key, text } from "./key.ts";

const word = (value: string): string | undefined =>
  /^[^\s-]\S*$/.test(value)
    ? undefined
    : `${JSON.stringify(value.slice(0, 60))} is not a word: no blanks, and no - in front.`;

const hostKeys = (value: string): string | undefined => {
  const wrong = value
    .split("\n")
    .find((line) => line.trim() !== "" && !/^(ssh-|ecdsa-|sk-)\S+ [A-Za-z0-9+/]+=*( .*)?$/.test(line.trim()));
  if (wrong === undefined && value.trim() !== "") return undefined;
  const shown = JSON.stringify((wrong ?? value).trim().slice(0, 40));
  return `${shown} is not a public host key. ssh-keyscan HOST shows it: what stands behind the host's name, e.g. "ssh-ed25519 AAAAC3…".`;
};

/** @param inherited what stands for a key that is missing; undefined: the program's own default */
function sshKeys(inherited?: string) {
  const orElse = (own: string): string => inherited ?? own;
  return {
    user: key(text(word).optional(), {
      shape: "a user of the host",
      example: "admin",
      about: "Who logs in: root, or a user that sudo lets act as root without a password.",
      default: orElse("root; on aws the one of the image: admin for Debian, ubuntu for Ubuntu"),
    }),
    port: key(integer(1, 65535).optional(), {
      shape: "a whole number from 1 to 65535",
      example: "2222",
      about: "Port of sshd.",
      default: orElse("22"),
    }),
    identityFile: key(text(word).optional(), {
      shape: "a path on the machine that runs `up`",
      example: "~/.ssh/fleet",
      about: "Private key to log in with; no other is tried then.",
      default: orElse("what ssh finds by itself: its agent, ~/.ssh"),
    }),
    knownHosts: key(text(word).optional(), {
      shape: "a path on the machine that runs `up`",
      example: "~/.ssh/fleet_known_hosts",
      about: "File with the host keys that are believed. A host whose key is not there, or differs, is refused.",
      default: orElse("ssh's own files"),
    }),
    hostKey: key(text(hostKeys).optional(), {
      shape: "a public host key",
      example: "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE",
      about: "The host's public key, or several in a line each. Then no file is asked.",
      default: orElse("keys are looked up in knownHosts"),
    }),
    proxyJump: key(text(word).optional(), {
      shape: "a host to go through: [user@]host[:port]",
      example: "admin@bastion.example.org",
      about: "Host between, as ssh -J takes it. It is dialed with what ~/.ssh/config says about it.",
      default: orElse("none"),
    }),
    proxyCommand: key(z.string().min(1).optional(), {
      shape: "a command line",
      example: "aws ssm start-session --target %h --document-name AWS-StartSSHSession",
      about: "Command whose input and output are the connection, as ProxyCommand of ssh takes it.",
      default: orElse("none"),
    }),
  };
}

export const ssh = key(z.strictObject(sshKeys()).prefault({}), {
  shape: "a map of ssh's keys",
  example: "{ user: admin, port: 2222 }",
  about:
    "Platforms existing and aws: how hosts are reached. The system's ssh is used, so ~/.ssh/config and its agent count too.",
});

export const packages = key(
  z
    .record(
      text((value) => (/^[a-z0-9][a-z0-9+.-]+$/.test(value) ? undefined : "is not the name of a Debian package.")),
      text((value) =>
        /^[A-Za-z0-9.+:~-]+$/.test(value)
          ? undefined
          : `${JSON.stringify(value.slice(0, 60))} is not a version of a Debian package; apt-cache policy shows them.`,
      ),
    )
    .optional(),
  {
    shape: "a map of Debian packages to versions",
    example: "{ postgresql-17: 17.6-0+deb13u1 }",
    about:
      "Platforms existing and aws: versions that packages of the fleet are kept at. All of them are held against upgrades in any case.",
    default: "the version that a host's sources have when the package is first installed",
  },
);

export const packageSource = key(z.enum(["distribution", "pgdg"]).optional(), {
  shape: "one of distribution, pgdg",
  example: "pgdg",
  about:
    "Platforms existing and aws: where hosts have PostgreSQL from. `distribution`: what their apt sources have, one major in each release. `pgdg`: PostgreSQL's own repository as well, which `up` adds to them: every major on every release that it serves.",
  default: "`distribution`",
  spellings: { debian: "distribution", ubuntu: "distribution", postgresql: "pgdg", "apt.postgresql.org": "pgdg" },
});

export const hostSsh = key(z.strictObject(sshKeys("the key of the same name under `ssh` at the top")).prefault({}), {
  shape: "a map of ssh's keys",
  example: "{ hostKey: ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE }",
  about: "Platforms existing and aws: what is different about reaching this host.",
});
