/** Medians, spread and intervals of repeated measurements. */

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** Half of the middle half's width ÷ median: how far a typical run is off. */
export function spread(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]!;
  return (at(0.75) - at(0.25)) / 2 / median(values);
}

/** Numbers that look random and are the same each time (mulberry32). */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

export interface Ratio {
  /** Geometric mean of the rounds' ratios. */
  mean: number;
  low: number;
  high: number;
}

/**
 * Ratio of two settings, measured round by round one after the other, so that what slows the machine down for a while
 * slows both; with a bootstrap 95 % interval over rounds.
 */
export function pairedRatio(ours: readonly number[], theirs: readonly number[], resamples = 10_000): Ratio {
  const logs = ours.map((value, i) => Math.log(value / theirs[i]!));
  const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
  const random = generator(20261122);
  const means = Array.from({ length: resamples }, () =>
    mean(logs.map(() => logs[Math.floor(random() * logs.length)]!)),
  ).sort((a, b) => a - b);
  return {
    mean: Math.exp(mean(logs)),
    low: Math.exp(means[Math.floor(0.025 * resamples)]!),
    high: Math.exp(means[Math.floor(0.975 * resamples)]!),
  };
}
