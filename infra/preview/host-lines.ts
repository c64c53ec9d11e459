/** Lines about hosts: those with the same text together, in the order in which they came. */

import { list } from "./words.ts";

export class HostLines {
  readonly #hosts = new Map<string, string[]>();

  add(text: string, host: string): void {
    const hosts = this.#hosts.get(text);
    if (hosts) hosts.push(host);
    else this.#hosts.set(text, [host]);
  }

  /** @param written default: "db1, db2: text" */
  lines(written = (text: string, hosts: string): string => `${hosts}: ${text}`): string[] {
    return [...this.#hosts].map(([text, hosts]) => written(text, list(hosts)));
  }
}
