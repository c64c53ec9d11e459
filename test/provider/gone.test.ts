import { expect, test } from "vitest";
import { rememberGone, unlessGone } from "../../provider/gone.ts";
import { rollout } from "../../provider/resources/rollout.ts";
import { UnreachableError } from "../../provider/transports/transport.ts";

const said: string[] = [];
const context = { log: (_: string, line: string) => void said.push(line) };
const unreachable = (host: string) => async () => {
  throw new UnreachableError(host, "it does not answer");
};

test("what is on a host that is gone is forgotten, with a warning", async () => {
  const news = { members: [], poolers: [], gone: ["db4"] };
  rollout.diff(news as never, news as never, news as never, () => {});
  await unlessGone(unreachable("db4"), context);
  expect(said).toEqual([expect.stringMatching(/^db4 is named under gone/)]);
});

test("another host that cannot be reached is an error, and so is another error there", async () => {
  rememberGone(["db4"]);
  await expect(unlessGone(unreachable("db5"), context)).rejects.toThrow(/host db5 cannot be reached/);
  await expect(unlessGone(() => Promise.reject(new Error("no space")), context)).rejects.toThrow("no space");
});
