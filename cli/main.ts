/** The command line tool `pgfleet`; started by pgfleet.js. */

import { EXIT } from "./errors.ts";
import { main } from "./program.ts";

// `pgfleet status | head`: a reader that has seen enough is no error.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
  process.exit(EXIT.ok);
});
process.exitCode = await main(process.argv.slice(2));
