/** Reading our own configuration files back: what a file says, as name → text. */

/** `name = 'value'` and `name = value` lines; comments, includes and section headers are left out. */
export function parseSettings(text: string): Record<string, string> {
  const settings: Record<string, string> = {};
  for (const line of text.split("\n")) {
    const match = /^\s*([A-Za-z_][\w.]*)\s*=\s*(?:'((?:[^']|'')*)'|([^#\s]+))/.exec(line);
    if (match) settings[match[1]!] = match[2] !== undefined ? match[2].replaceAll("''", "'") : match[3]!;
  }
  return settings;
}

/** All parameters of a postgresql component; a later file wins, as its includes are in the order of their names. */
export function settingsOfFiles(files: Record<string, { body: string }>): Record<string, string> {
  // Only what the server includes: supervisor.conf and pg_hba.conf lie beside it.
  const names = Object.keys(files).filter((name) => /^(postgresql|\d\d-[\w-]+)\.conf$/.test(name));
  const order = (name: string): string => (name === "postgresql.conf" ? "" : name);
  names.sort((a, b) => (order(a) < order(b) ? -1 : 1));
  return Object.assign({}, ...names.map((name) => parseSettings(files[name]!.body))) as Record<string, string>;
}
