/** Whether data of a former primary can follow the one that took over. */

import { describe, expect, it } from "vitest";
import { lsnBytes } from "../../provider/postgres/wal.ts";
import { divergedBy } from "../../provider/rollout/rejoin.ts";

const history = "1\t0/3000148\tno recovery target specified\n\n2\t0/5000060\tno recovery target specified\n";
const db2 = { name: "db2", timeline: 3, history };

describe("data of a former primary", () => {
  it("can follow when its last record is one that the successor has", () => {
    expect(divergedBy({ timeline: 1, end: "0/30000D0" }, db2)).toBeUndefined();
    expect(divergedBy({ timeline: 2, end: "0/5000028" }, db2)).toBeUndefined();
  });

  it("cannot when a record begins where the successor branched off, or later", () => {
    expect(divergedBy({ timeline: 1, end: "0/3000148" }, db2)).toContain("after 0/3000148 on timeline 1");
    expect(divergedBy({ timeline: 2, end: "0/5200060" }, db2)).toBe(
      "it has WAL that db2 never got: at least 2 MB after 0/5000060 on timeline 2, up to 0/5200060",
    );
  });

  it("looks at the timeline that it ended on, not at the last one", () => {
    // 0/4000000 is before the end of timeline 2, but timeline 1 was left at 0/3000148.
    expect(divergedBy({ timeline: 1, end: "0/4000000" }, db2)).toContain("16 MB");
  });

  it("cannot when the successor never was on its timeline, or on the very same", () => {
    expect(divergedBy({ timeline: 4, end: "0/1" }, db2)).toContain("timeline 4");
    expect(divergedBy({ timeline: 3, end: "0/1" }, db2)).toContain("none that db2 (timeline 3) came from");
    expect(divergedBy({ timeline: 1, end: "0/1" }, { ...db2, history: "" })).toContain("none that db2");
  });

  it("cannot when the end of its WAL is not known", () => {
    expect(divergedBy({ timeline: 1, end: undefined }, db2)).toContain("cannot be found");
  });
});

it("an LSN counts bytes over both halves", () => {
  expect(lsnBytes("0/0")).toBe(0n);
  expect(lsnBytes("1/A0")).toBe(4294967456n);
  expect(lsnBytes("1/0") - lsnBytes("0/FFFFFFFF")).toBe(1n);
});
