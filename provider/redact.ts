/** Knows the secret values of a request, so that no message can carry one. */

const MASK = "[secret]";
/** Below this a value is masked only where it stands alone: masking every "a" would destroy the message. */
const ANYWHERE_LENGTH = 4;
const LINE_LENGTH = 8;
/** State is never this deep; a value that contains itself is. */
const MAX_DEPTH = 200;

export class Redactor {
  readonly #values = new Set<string>();
  #pattern: RegExp | undefined;

  /** Adds every string and every number of four or more digits inside `value`. */
  add(value: unknown, depth = 0): void {
    if (depth > MAX_DEPTH) return;
    if (typeof value === "string") this.#addText(value);
    else if (typeof value === "number") {
      const digits = String(value);
      if (digits.length >= ANYWHERE_LENGTH) this.#addText(digits);
    } else if (Array.isArray(value)) for (const item of value) this.add(item, depth + 1);
    else if (typeof value === "object" && value !== null)
      for (const item of Object.values(value)) this.add(item, depth + 1);
  }

  /** `text` with each known value, also as JSON, SQL, URI, base64 or a file of the host would write it, replaced by `[secret]`. */
  redact(text: string): string {
    const pattern = this.#compiled();
    return pattern === undefined ? text : text.replace(pattern, MASK);
  }

  mentions(text: string): boolean {
    const pattern = this.#compiled();
    if (pattern === undefined) return false;
    pattern.lastIndex = 0;
    return pattern.test(text);
  }

  #addText(text: string): void {
    if (text.trim() === "") return;
    for (const form of written(text)) this.#values.add(form);
    this.#pattern = undefined;
  }

  #compiled(): RegExp | undefined {
    if (this.#values.size === 0) return undefined;
    if (this.#pattern === undefined) {
      // Longest first, so that a secret that contains another is masked as a whole.
      const longestFirst = [...this.#values].sort((a, b) => b.length - a.length);
      this.#pattern = new RegExp(longestFirst.map(alternative).join("|"), "gu");
    }
    return this.#pattern;
  }
}

function written(text: string): Set<string> {
  const forms = new Set([text, text.trim()]);
  if (text.length < ANYWHERE_LENGTH || !text.isWellFormed()) return forms;
  forms.add(JSON.stringify(text).slice(1, -1));
  forms.add(text.replaceAll("'", "''"));
  forms.add(text.replaceAll("'", "'\\''"));
  forms.add(encodeURIComponent(text));
  // As a passfile, a userlist and a connection string write it.
  forms.add(text.replace(/[\\:]/g, "\\$&"));
  forms.add(text.replaceAll('"', '""'));
  forms.add(text.replace(/[\\']/g, "\\$&"));
  forms.add(Buffer.from(text).toString("base64"));
  const lines = text.split(/\r?\n/).map((line) => line.trim());
  if (lines.length > 1) for (const line of lines) if (line.length >= LINE_LENGTH) forms.add(line);
  return forms;
}

function alternative(text: string): string {
  const literal = text.replace(/[\\^$.*+?()[\]{}|/]/gu, "\\$&");
  return text.length >= ANYWHERE_LENGTH ? literal : `(?<![\\p{L}\\p{N}_])${literal}(?![\\p{L}\\p{N}_])`;
}
