import { expect, test } from "vitest";
import { existingLayouts } from "../../infra/platforms/existing.ts";
import { fleet } from "../rendering/fixture.ts";

const pgbouncer = (packages?: Record<string, string>): string | undefined =>
  existingLayouts(fleet({ platform: "existing", ...(packages ? { packages } : {}) })).get("pool1")!.versions?.pgbouncer;

test("the version of PgBouncer is the one that the stack file pins", () => {
  expect(pgbouncer({ pgbouncer: "1.24.1-1" })).toBe("1.24.1");
  expect(pgbouncer({ pgbouncer: "1:1.25.0+ds-2~deb13u1" })).toBe("1.25.0");
});

test("and not known where it pins none", () => {
  expect(pgbouncer()).toBeUndefined();
  expect(pgbouncer({ "postgresql-17": "17.6-0+deb13u1" })).toBeUndefined();
});
