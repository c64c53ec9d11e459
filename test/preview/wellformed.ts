/** What every message has to be, whatever is in it. */

/** @throws with the line, when a fence or a <details> is not closed, or one closes that is not open. */
export function wellFormed(message: string): void {
  let fence: string | undefined;
  let depth = 0;
  message.split("\n").forEach((line, i) => {
    const ticks = /^(`{3,})(\w*)\s*$/.exec(line);
    if (fence !== undefined) {
      if (ticks && ticks[1]!.length >= fence.length && ticks[2] === "") fence = undefined;
      return;
    }
    if (ticks) {
      fence = ticks[1]!;
      return;
    }
    depth += (line.match(/<details>/g) ?? []).length - (line.match(/<\/details>/g) ?? []).length;
    if (depth < 0) throw new Error(`line ${i + 1} closes a section that is not open`);
    if ((line.match(/<summary>/g) ?? []).length !== (line.match(/<\/summary>/g) ?? []).length)
      throw new Error(`line ${i + 1} does not close its summary`);
  });
  if (fence !== undefined) throw new Error("a fence is not closed");
  if (depth !== 0) throw new Error(`${depth} sections are not closed`);
}
