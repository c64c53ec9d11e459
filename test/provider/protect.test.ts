import { expect, test } from "vitest";
import { rollout } from "../../provider/resources/rollout.ts";
import { UNKNOWN } from "../../provider/types.ts";

const member = (name: string, protect?: boolean) => ({ name, ...(protect ? { protect } : {}) });
const diff = (before: object[], after: object[] | typeof UNKNOWN, gone: string[] = []) => {
  const base = { cluster: "shop", version: 17, primary: "db1", restart: "rolling", poolers: [], gone };
  const [olds, news] = [
    { ...base, members: before },
    { ...base, members: after },
  ];
  return () => rollout.diff(olds as never, news as never, news as never, () => {});
};

test("a protected member that is no longer declared is refused before anything is planned, with the way out", () => {
  const before = [member("db1", true), member("db2", true), member("db3", true)];
  expect(diff(before, [member("db1", true)])).toThrow(/^db2, db3 are protected .*nothing was stopped.*protect: false/);
  expect(diff(before, before.slice(0, 2))).toThrow(/^db3 is protected .*put it back/);
});

test("one that was not protected in the last up may go, and one that will not come back", () => {
  expect(diff([member("db1", true), member("db2")], [member("db1", true)])).not.toThrow();
  expect(diff([member("db1", true), member("db2", true)], [member("db1", true)], ["db2"])).not.toThrow();
  expect(diff([member("db1", true)], UNKNOWN)).not.toThrow();
});

test("whether a member is protected is recorded by the next up", () => {
  expect(diff([member("db1", true)], [member("db1")])()).toMatchObject({ changes: true });
});
