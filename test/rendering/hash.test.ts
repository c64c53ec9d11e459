import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { generationHash } from "../../infra/rendering/generation.ts";
import { componentHash, filesByPath } from "../../infra/rendering/hash.ts";
import { renderFleet } from "../../infra/rendering/render.ts";
import type { PlannedFile } from "../../infra/rendering/types.ts";
import { fleet, input } from "./fixture.ts";

const file = (path: string, body: string, mode = "0640"): PlannedFile => ({ path, body, mode, change: "reload" });
const files = [file("a", "x\n"), file("b", "@@secret:app.verifier@@\n", "0600")];

describe("a component's hash", () => {
  test("is 16 hex digits, and the provider's own", () => {
    expect(componentHash({ files }, { "app.verifier": 1 })).toMatch(/^[0-9a-f]{16}$/);
    expect(componentHash({ files }, { "app.verifier": 1 })).toBe(
      generationHash(filesByPath(files), { "app.verifier": 1 }),
    );
  });

  test("does not depend on the order of files", () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.tuple(fc.string({ minLength: 1 }), fc.string()), { selector: ([path]) => path }),
        (pairs) => {
          const all = pairs.map(([path, body]) => file(path, body));
          expect(componentHash({ files: all.toReversed() }, {})).toBe(componentHash({ files: all }, {}));
        },
      ),
    );
  });

  test.each([
    ["a body", { files: [file("a", "y\n"), files[1]!] }, { "app.verifier": 1 }],
    ["a mode", { files: [file("a", "x\n", "0644"), files[1]!] }, { "app.verifier": 1 }],
    ["a path", { files: [file("c", "x\n"), files[1]!] }, { "app.verifier": 1 }],
    ["a file less", { files: [files[0]!] }, { "app.verifier": 1 }],
    ["a rotated secret", { files }, { "app.verifier": 2 }],
    ["text moved between mode and body", { files: [file("a", "0x\n", "064"), files[1]!] }, { "app.verifier": 1 }],
  ])("changes with %s", (_, component, versions) => {
    expect(componentHash(component, versions)).not.toBe(componentHash({ files }, { "app.verifier": 1 }));
  });

  test("stays when a secret changes that the component does not use", () => {
    expect(componentHash({ files }, { "app.verifier": 1, other: 7 })).toBe(
      componentHash({ files }, { "app.verifier": 1 }),
    );
  });

  test("rotating one credential touches only the components that carry it", () => {
    const plans = renderFleet(input(fleet()));
    const changed = plans.flatMap((plan) =>
      plan.components
        .filter((c) => componentHash(c, { "app.verifier": 1 }) !== componentHash(c, { "app.verifier": 2 }))
        .map((c) => `${plan.host}/${c.name}`),
    );
    expect(changed).toEqual(["pool1/pgbouncer"]);
  });
});
