/** What a parameter of any version needs. */

import { expect, test } from "vitest";
import { classifier } from "../../infra/tuning/classify.ts";
import { changeClass } from "../../infra/tuning/facts.ts";

test("the declared version decides; then the one before; what nobody knows needs a restart", () => {
  expect(classifier(17)("shared_buffers")).toBe("restart");
  expect(classifier(17)("work_mem")).toBe(changeClass("work_mem", 17));
  // Gone in 17.
  expect(classifier(16, 17)("old_snapshot_threshold")).toBe(classifier(16)("old_snapshot_threshold"));
  expect(classifier(17)("no_such_parameter")).toBe("restart");
});
