/** What can be wrong with a stack file before it is YAML: encoding, merge conflicts, tabs. */

/** Text without byte order mark and with "\n" ends; undefined when it is not UTF-8. */
export function decode(content: string | Uint8Array): string | undefined {
  let text: string;
  if (typeof content === "string") {
    // Whoever read the file as UTF-8 left this where bytes were not.
    if (content.includes("\uFFFD")) return undefined;
    text = content;
  } else {
    try {
      text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(content);
    } catch {
      return undefined;
    }
  }
  if (text.includes("\u0000")) return undefined;
  return text.replace(/^\uFEFF/, "").replace(/\r\n?/g, "\n");
}

export function textProblem(text: string): { line: number; message: string } | undefined {
  const lines = text.split("\n");
  const conflict = lines.findIndex((line) => /^(<{7}|>{7})( |$)/.test(line));
  if (conflict >= 0) {
    return {
      line: conflict + 1,
      message:
        "has a merge conflict that is not resolved. Decide between the two sides and remove the lines <<<<<<<, ======= and >>>>>>>.",
    };
  }
  const tab = lines.findIndex((line) => /^ *\t+ *[^\s#]/.test(line));
  if (tab >= 0)
    return { line: tab + 1, message: "has a line indented with a tab, which YAML does not allow. Use spaces." };
  return undefined;
}
