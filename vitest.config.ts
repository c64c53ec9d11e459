import { defineConfig } from "vitest/config";

// Projects: `unit` needs nothing, `server` starts real PostgreSQL servers, `e2e` runs the real engine.
// `hosts` boots machines in containers: it needs Docker, debootstrap and a Debian mirror.
// `long` kills and breaks things at many points; it takes as long as one lets it.
const long = ["kill-rollout", "kill-members", "faults", "switchover-faults"].map((name) => `test/e2e/${name}.test.ts`);

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: "unit",
          include: ["test/**/*.test.ts"],
          exclude: ["test/e2e/**", "test/server/**", "test/hosts/**"],
          // No test depends on speed: a busy machine is no broken promise.
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
      {
        test: {
          name: "server",
          include: ["test/server/**/*.test.ts"],
          testTimeout: 120_000,
          hookTimeout: 120_000,
          fileParallelism: false,
        },
      },
      {
        test: {
          name: "e2e",
          include: ["test/e2e/**/*.test.ts"],
          exclude: long,
          testTimeout: 600_000,
          hookTimeout: 600_000,
          fileParallelism: false,
        },
      },
      {
        test: {
          name: "hosts",
          include: ["test/hosts/**/*.test.ts"],
          globalSetup: "test/hosts/support/shared-image.ts",
          testTimeout: 1_800_000,
          hookTimeout: 1_800_000,
          fileParallelism: false,
        },
      },
      {
        test: {
          name: "long",
          include: long,
          testTimeout: 1_800_000,
          hookTimeout: 600_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
