/** Columns of text for a terminal. */

import { stripVTControlCharacters } from "node:util";

export interface Column {
  title: string;
  align?: "left" | "right";
}

/** Header and rows, columns two blanks apart, no trailing blanks. Cells may hold colours; none may hold a line break. */
export function textTable(columns: readonly Column[], rows: readonly (readonly string[])[]): string {
  const all = [columns.map((column) => column.title), ...rows];
  const widths = columns.map((_, i) => Math.max(...all.map((row) => width(row[i] ?? ""))));
  const line = (row: readonly string[]): string =>
    columns
      .map(({ align }, i) => {
        const cell = row[i] ?? "";
        const blanks = " ".repeat(widths[i]! - width(cell));
        return align === "right" ? blanks + cell : cell + blanks;
      })
      .join("  ")
      .trimEnd();
  return all.map(line).join("\n");
}

/** Characters on screen; host names and numbers need no more than counting code points. */
const width = (cell: string): number => [...stripVTControlCharacters(cell)].length;

/** 0 B, 12 kB, 3.4 MB; as PostgreSQL counts, 1 kB = 1024 B. */
export function bytes(count: number): string {
  let value = count;
  for (const unit of ["B", "kB", "MB", "GB"]) {
    if (Math.abs(value) < 1024)
      return `${unit === "B" || value >= 100 ? Math.round(value) : Number(value.toFixed(1))} ${unit}`;
    value /= 1024;
  }
  return `${Number(value.toFixed(1))} TB`;
}
