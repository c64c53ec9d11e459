import { expect, test } from "vitest";
import { unlike } from "../../provider/rollout/likeness.ts";

const db1 = { name: "db1", architecture: "x86_64", libc: "glibc 2.41", icu: "76" };
const db2 = { ...db1, name: "db2" };

test("hosts of one kind are alike", () => {
  expect(unlike(db1, db2)).toBeUndefined();
});

test.each([
  [{ architecture: "aarch64" }, /^db2 is aarch64 and db1 is x86_64: .* Nothing was copied/],
  [{ libc: "glibc 2.36" }, /^db2 is not cloned from db1: glibc 2.41 on db1 and glibc 2.36 on db2\. .* same release/],
  [{ icu: "72" }, /ICU 76 on db1 and ICU 72 on db2/],
  [{ libc: "glibc 2.36", icu: "" }, /glibc 2.41 .*; ICU 76 on db1 and ICU none on db2/],
])("%o is not", (other, said) => {
  expect(unlike(db1, { ...db2, ...other })).toMatch(said);
});
