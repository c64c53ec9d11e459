import { expect, test } from "vitest";
import { isReported } from "../../infra/failures.ts";

test("a failure that the engine has told, in the inputs of another resource too; nothing else", () => {
  const told = "resource db1 [pgfleet:index:Machine] failed to register";
  expect(isReported(new Error(told))).toBe(true);
  expect(
    isReported(new Error(`error serializing property "records": error serializing property "members": ${told}`)),
  ).toBe(true);
  expect(isReported(new Error(`cannot read: ${told}`))).toBe(false);
  expect(isReported(new Error("x is not a function"))).toBe(false);
  expect(isReported(told)).toBe(false);
  // However often it is nested, it is looked at once.
  expect(isReported(new Error(`${'error serializing property "a": '.repeat(1000)}no such zone`))).toBe(false);
});
