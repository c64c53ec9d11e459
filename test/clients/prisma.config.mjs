// Prisma's schema engine as it comes with the npm package (WebAssembly): nothing is fetched from anywhere else.
import { defineConfig } from "prisma/config";

export default defineConfig({
  schema: "prisma/schema.prisma",
  engine: "js",
  experimental: { adapter: true },
  adapter: async () => (await import("./settings.ts")).migrationAdapter,
});
