/** In the data directory: the value of `reclone` that this copy was made for. Exactly the value, "" when never asked. */
export const RECLONE_MARKER = "pgfleet.reclone";
