import colors from "picocolors";
import { expect, test } from "vitest";
import { bytes, textTable } from "../../cli/text-table.ts";

test("columns line up two blanks apart, without trailing blanks", () => {
  const table = textTable(
    [{ title: "HOST" }, { title: "MB", align: "right" }, { title: "" }],
    [
      ["db1", "7", "x"],
      ["monitor1", "1024"],
    ],
  );
  expect(table).toBe(["HOST        MB", "db1          7  x", "monitor1  1024"].join("\n"));
});

test("colours take no room", () => {
  const { red } = colors.createColors(true);
  const [, first, second] = textTable(
    [{ title: "A" }, { title: "B" }],
    [
      [red("up"), "1"],
      ["down", "2"],
    ],
  ).split("\n");
  expect(first).toBe(`${red("up")}    1`);
  expect(second).toBe("down  2");
});

test.each([
  [0, "0 B"],
  [1023, "1023 B"],
  [1024, "1 kB"],
  [1536, "1.5 kB"],
  [16 * 1024 ** 2, "16 MB"],
  [5.25 * 1024 ** 3, "5.3 GB"],
  [3 * 1024 ** 4, "3 TB"],
])("%d bytes are %s", (count, text) => expect(bytes(count)).toBe(text));
