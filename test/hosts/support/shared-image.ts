/** The image is made once for all files of the project, and removed behind them. */

import { hostsMissing } from "./docker.ts";
import { makeImage } from "./image.ts";

export default function setup(): (() => void) | undefined {
  if (hostsMissing()) return undefined;
  const image = makeImage();
  // Workers are started later and have this environment.
  process.env.PGFLEET_HOSTS_IMAGE = image.id;
  return () => image.remove();
}
