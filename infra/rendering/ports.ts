/**
 * Ports that are the same on every host of every fleet. Hosts never share an address, so one constant each is enough.
 * PgBouncer's and Prometheus' ports are in the stack config (`pooler.port`, `monitoring.prometheusPort`).
 */
export const PORTS = {
  postgresql: 5432,
  postgresExporter: 9187,
  pgbouncerExporter: 9127,
} as const;
