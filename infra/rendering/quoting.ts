/**
 * Quoting for each file format that the templates write. Views hold values that are already quoted, so a
 * template only places them.
 *
 * All throw on line breaks and NUL: no format here can carry them in a value, and a line break in one would be
 * a second line of configuration.
 */

const BARE_IDENTIFIER = /^[a-z_][a-z0-9_]*$/;
/** Words with a meaning of their own in pg_hba.conf and pg_ident.conf. */
const HBA_WORDS = new Set(["all", "replication", "sameuser", "samerole", "samegroup", "samehost", "samenet"]);

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this looks for.
const CONTROL = /[\u0000-\u001f\u007f]/;

export function refuseControl(value: string, what: string): string {
  const found = CONTROL.exec(value);
  if (found) {
    const code = found[0].charCodeAt(0).toString(16).padStart(2, "0");
    throw new Error(
      `${what} has a control character (0x${code}) at position ${found.index + 1}: a configuration file cannot hold it`,
    );
  }
  return value;
}

/** A value in postgresql.conf: `it's` → `'it''s'`. The server reads C escapes in it, so backslashes are doubled too. */
export function postgresValue(value: string, what = "a value"): string {
  return `'${refuseControl(value, what).replaceAll("\\", "\\\\").replaceAll("'", "''")}'`;
}

/** A libpq connection string: every value is quoted, `'` and `\` escaped. */
export function conninfo(parameters: Record<string, string | number>): string {
  return Object.entries(parameters)
    .map(([key, value]) => `${key}=${conninfoValue(String(value), key)}`)
    .join(" ");
}

function conninfoValue(value: string, what: string): string {
  refuseControl(value, what);
  return /^[A-Za-z0-9_./:-]+$/.test(value) ? value : `'${value.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
}

/** `ANY 1 ("db-1", "db2")`: names of synchronous standbys, quoted because "-" and words like ANY mean something there. */
export function standbyNames(names: readonly string[]): string {
  return `ANY 1 (${names.map((name) => `"${refuseControl(name, "a standby").replaceAll('"', '""')}"`).join(", ")})`;
}

/** A database, role or OS user in pg_hba.conf and pg_ident.conf. */
export function hbaName(name: string, what = "a name"): string {
  refuseControl(name, what);
  if (name.startsWith("/"))
    throw new Error(`${what} "${name}" starts with "/", which pg_hba.conf reads as a regular expression`);
  return BARE_IDENTIFIER.test(name) && !HBA_WORDS.has(name) ? name : `"${name.replaceAll('"', '""')}"`;
}

/** Name of a database on the left side in pgbouncer.ini, where PgBouncer knows no quotes. */
export function pgbouncerName(name: string, what = "the database"): string {
  if (/^[A-Za-z0-9_.-]+$/.test(name)) return name;
  throw new Error(
    `${what} ${JSON.stringify(name)} cannot be an entry of pgbouncer.ini: only letters, digits and _ . - can`,
  );
}

/** A value inside a connection string in pgbouncer.ini: quotes doubled, no escapes. */
export function pgbouncerConnectValue(value: string, what = "a value"): string {
  refuseControl(value, what);
  return /^[A-Za-z0-9_.,:/-]+$/.test(value) ? value : `'${value.replaceAll("'", "''")}'`;
}

/** A quoted word in PgBouncer's userlist.txt. */
export function userlistWord(value: string, what = "a user"): string {
  return `"${refuseControl(value, what).replaceAll('"', '""')}"`;
}

/** A value in supervisor's ini files; `%` starts an expansion there. */
export function supervisorValue(value: string): string {
  return refuseControl(value, "a supervisor value").replaceAll("%", "%%");
}

/** A command in supervisor's ini files, which it splits like a shell does. */
export function supervisorCommand(words: readonly string[]): string {
  return supervisorValue(
    words
      .map((word) => (/^[A-Za-z0-9_./:=,@+~-]+$/.test(word) ? word : `'${word.replaceAll("'", `'"'"'`)}'`))
      .join(" "),
  );
}

/** `environment=` of a supervisor program. */
export function supervisorEnvironment(variables: Record<string, string>): string {
  return Object.entries(variables)
    .map(([name, value]) => `${name}="${supervisorValue(value).replace(/(["\\])/g, "\\$1")}"`)
    .join(",");
}

/** A value in a unit of systemd; `%` starts a specifier there. */
export const systemdValue = (value: string): string => refuseControl(value, "a unit's value").replaceAll("%", "%%");

/** One word of a unit's value, as `Environment=` takes it. */
export function systemdWord(word: string): string {
  const escaped = systemdValue(word);
  return /^[A-Za-z0-9_./:=,@+%-]+$/.test(escaped) ? escaped : `"${escaped.replace(/(["\\])/g, "\\$1")}"`;
}

/** `ExecStart=`, which also knows variables. */
export const systemdCommand = (words: readonly string[]): string =>
  words.map((word) => systemdWord(word).replaceAll("$", "$$$$")).join(" ");

/** supervisor splits `[include] files` at blanks; `?` matches one. */
export const supervisorGlob = (path: string): string => supervisorValue(path.replaceAll(" ", "?"));

/** YAML reads JSON strings. */
export const yamlString = (value: string): string => JSON.stringify(value);

/** One line of a comment, whatever the text was. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this replaces.
export const commentText = (text: string): string => text.replace(/[\u0000-\u001f\u007f]+/g, " ").trim();
