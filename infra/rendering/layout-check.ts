/** A layout must survive every format it is written into; see quoting.ts for what each of them can carry. */

import { type HostSpec, isMember } from "../config/spec.ts";
import type { HostLayout } from "./types.ts";

/** Characters with a meaning in some file or glob that the paths are written into. */
const REFUSED = /[^\p{L}\p{N} ._/+@~=-]/u;
/** sockaddr_un.sun_path holds 108 bytes with the final NUL. */
const SOCKET_PATH_BYTES = 107;

/** Every problem of a host's layout, one line each. */
export function layoutProblems(host: HostSpec, layout: HostLayout): string[] {
  const problems: string[] = [];
  const { home, gen, current, data, run, log, prometheusData, rollout, programs } = layout;
  for (const [name, path] of Object.entries({
    home,
    gen,
    current,
    data,
    run,
    log,
    prometheusData,
    rollout,
    ...programs,
  })) {
    if (!path.startsWith("/")) problems.push(`host "${host.name}": layout.${name} "${path}" is not an absolute path`);
    const bad = REFUSED.exec(path);
    if (bad) {
      problems.push(
        `host "${host.name}": layout.${name} "${path}" has the character ${JSON.stringify(bad[0])}; paths may hold letters, digits, blanks and . _ / + @ ~ = - (choose another stateDir)`,
      );
    }
  }
  // postgres_exporter 0.11 splits its connection string at blanks and "=".
  const odd = /[ @=~+]/.exec(run);
  if (odd)
    problems.push(
      `host "${host.name}": layout.run "${run}" has the character ${JSON.stringify(odd[0])}, which not every program takes in a socket's path (choose another stateDir)`,
    );
  const socket = `${run}/.s.PGSQL.65535`;
  const bytes = Buffer.byteLength(socket);
  if (bytes > SOCKET_PATH_BYTES) {
    problems.push(
      `host "${host.name}": ${socket} has ${bytes} bytes, a unix socket's path at most ${SOCKET_PATH_BYTES} (choose a shorter stateDir)`,
    );
  }
  if (isMember(host)) {
    if (layout.user === "root") problems.push(`host "${host.name}": PostgreSQL refuses to run as root (layout.user)`);
    const last = data.slice(data.lastIndexOf("/") + 1);
    if (last !== host.name) problems.push(`host "${host.name}": layout.data "${data}" must end with the member's name`);
  }
  return problems;
}
