/** TLS between clients, poolers, servers and replicas. */

import { z } from "zod";
import { integer, key } from "./key.ts";

const secretName = () => z.string().optional();
const version = () => integer(1, 1_000_000);

export const tls = key(
  z
    .strictObject({
      mode: key(z.enum(["on", "given", "off"]).default("on"), {
        shape: "one of on, given, off",
        example: "given",
        about:
          "`on`: certificates by an authority of the cluster's own. `given`: `ca`, `certificate` and `key` say which. `off` needs an `exception` on every platform but local.",
        spellings: { own: "on", true: "on", false: "off", none: "off" },
      }),
      required: key(z.boolean().default(true), {
        shape: "true or false",
        example: "false",
        about:
          "Whether servers and poolers refuse who comes without TLS, and the fleet's own connections check names. `false` is the step between off and on of a running cluster, and needs an `exception` on every platform but local.",
      }),
      clients: key(z.enum(["require", "prefer"]).default("require"), {
        shape: "one of require, prefer",
        example: "prefer",
        about: "`prefer` lets applications come without TLS, while the fleet's own connections have it.",
        spellings: { required: "require", optional: "prefer", allow: "prefer" },
      }),
      validDays: key(integer(2, 3650).default(365), {
        shape: "a whole number of days from 2 to 3650",
        example: "90",
        about:
          "How long a certificate of a host is valid. `up` makes a new one when less than a third of that is left.",
      }),
      renew: key(version().default(1), {
        shape: "a whole number from 1 to 1000000",
        example: "2",
        about: "Raised by one, every host gets a new certificate and key.",
      }),
      caVersion: key(version().default(1), {
        shape: "a whole number from 1 to 1000000",
        example: "2",
        about: "Which of the cluster's own authorities signs. Changing it takes three runs: see docs/access.md.",
      }),
      caTrusted: key(z.array(version()).min(1).optional(), {
        shape: "a list of whole numbers, `caVersion` among them",
        example: "[1, 2]",
        about: "Which of the cluster's own authorities everybody trusts.",
        default: "caVersion alone",
      }),
      ca: key(secretName(), {
        shape: "a name under `secrets`",
        example: "tls_ca",
        about: "Mode given: the authority's certificate, PEM.",
      }),
      certificate: key(secretName(), {
        shape: "a name under `secrets`",
        example: "tls_certificate",
        about:
          "Mode given: the certificate of all members and poolers, PEM. Their names and addresses are in its subjectAltName.",
      }),
      key: key(secretName(), {
        shape: "a name under `secrets`",
        example: "tls_key",
        about: "Mode given: the certificate's key, PEM without a passphrase.",
      }),
      exception: key(z.string().min(1).optional(), {
        shape: "text: why",
        example: "WireGuard between all hosts encrypts already",
        about: "Allows mode off, and `required: false`, on another platform than local; shown by every preview.",
      }),
    })
    .prefault({}),
  {
    shape: "a map",
    example: "{ validDays: 90 }",
    about: "TLS between clients, poolers, servers and replicas; on unless it says otherwise.",
  },
);
