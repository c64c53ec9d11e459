import { expect, test } from "vitest";
import { parseSettings, settingsOfFiles } from "../../infra/rendering/conf-text.ts";

test("settings are read from the files that the server includes, the later file wins", () => {
  const files = {
    "90-override.conf": { body: "work_mem = '4MB'\n" },
    "postgresql.conf": { body: "include '10-restart.conf'\nwork_mem = '1MB'\n" },
    "10-restart.conf": { body: "# why\nshared_buffers = '96MB' # measured\nwork_mem = '2MB'\n" },
    "supervisor.conf": { body: "[program:postgresql]\nautorestart=unexpected\n" },
    "pg_hba.conf": { body: "host all all = scram\n" },
    "pg_ident.conf": { body: "a = b\n" },
  };
  expect(settingsOfFiles(files)).toEqual({ work_mem: "4MB", shared_buffers: "96MB" });
});

test("a doubled quote is one quote", () => {
  expect(parseSettings("log_line_prefix = '%m ''x'' '\n")).toEqual({ log_line_prefix: "%m 'x' " });
});
