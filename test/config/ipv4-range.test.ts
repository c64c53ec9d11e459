import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { freeSubnet, ipv4Range, overlap } from "../../infra/config/ipv4-range.ts";

const text = (value: number): string => [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join(".");
const free = (network: string, taken: string[]): string | undefined =>
  freeSubnet(
    ipv4Range(network)!,
    taken.map((one) => ipv4Range(one)!),
  );

describe("the subnet that the project chooses", () => {
  test("is the last of the network", () => {
    expect(free("10.20.0.0/16", [])).toBe("10.20.255.240/28");
    expect(free("10.20.0.0/24", ["10.20.0.128/25"])).toBe("10.20.0.112/28");
    expect(free("10.20.0.0/28", ["10.20.0.0/28"])).toBeUndefined();
  });

  test("lies in the network and touches none that is taken; there is none only where nothing is free", () => {
    const base = 10 * 2 ** 24 + 7 * 2 ** 16;
    const subnets = fc.array(
      fc.record({ prefix: fc.integer({ min: 21, max: 28 }), place: fc.nat(2 ** 12 - 1) }).map(({ prefix, place }) => {
        const size = 2 ** (32 - prefix);
        return `${text(base + Math.floor(place / size) * size)}/${prefix}`;
      }),
      { maxLength: 40 },
    );
    fc.assert(
      fc.property(subnets, (taken) => {
        const network = `${text(base)}/20`;
        const found = free(network, taken);
        const candidates = Array.from({ length: 256 }, (_, i) => `${text(base + i * 16)}/28`).filter(
          (one) => !taken.some((other) => overlap(ipv4Range(one)!, ipv4Range(other)!)),
        );
        expect(found).toBe(candidates.at(-1));
      }),
      { numRuns: 500 },
    );
  });
});
