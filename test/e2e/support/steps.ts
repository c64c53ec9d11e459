/** Tests of one fleet that go on where the one before ended. */

import { test } from "vitest";

/**
 * A test function for one file: once a step failed, the later ones are skipped and say which it was.
 *
 * @param missing why none of them can run here
 */
export function steps(missing?: string): (name: string, body: () => Promise<void>) => void {
  let broken = "";
  return (name, body) =>
    test(name, async ({ skip }) => {
      skip(missing !== undefined, missing);
      skip(broken !== "", `after the failure of "${broken}"`);
      try {
        await body();
      } catch (error) {
        broken = name;
        throw error;
      }
    });
}
