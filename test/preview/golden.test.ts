/** Each kind of change as a reviewer sees it: a Markdown file that reads well on its own. */

import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { markdown } from "../../infra/preview/markdown.ts";
import { compared } from "./fixture.ts";
import { kinds } from "./kinds.ts";

// Nothing here waits; a machine that is busy with other things may be slow.
vi.setConfig({ testTimeout: 120_000 });

test.each(kinds)("$name", async ({ name, before, after }) => {
  const message = markdown([compared(before, after)], {
    base: "main (1a2b3c4)",
    head: "5d6e7f8",
    fullText: "see the artifact",
    // A whole fleet as new is long: enough to see how it is cut.
    ...(["new-stack", "base-invalid"].includes(name) ? { limit: 12_000 } : {}),
  });
  await expect(message).toMatchFileSnapshot(join(import.meta.dirname, `golden/${name}.md`));
});
