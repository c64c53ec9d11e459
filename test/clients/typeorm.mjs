// Run with settings.ts beside it: what `pgfleet clients --for typeorm` prints, once for the application and once for migrations.
import { DataSource, EntitySchema } from "typeorm";
import { report, until } from "./report.mjs";
import { applicationOptions, migrationOptions } from "./settings.ts";

const Note = new EntitySchema({
  name: "Note",
  tableName: "notes_typeorm",
  columns: { id: { type: Number, primary: true, generated: true }, text: { type: String } },
});

class Notes1700000000000 {
  name = "Notes1700000000000";
  async up(runner) {
    await runner.query("CREATE TABLE notes_typeorm (id serial PRIMARY KEY, text text NOT NULL)");
  }
  async down(runner) {
    await runner.query("DROP TABLE notes_typeorm");
  }
}

const migrations = new DataSource({ ...migrationOptions, migrations: [Notes1700000000000] });
await migrations.initialize();
const first = (await migrations.runMigrations()).map(({ name }) => name);
const second = (await migrations.runMigrations()).length;
const pending = await migrations.showMigrations();
await migrations.destroy();

const application = new DataSource({ ...applicationOptions, entities: [Note] });
await application.initialize();
const notes = application.getRepository(Note);
const { id } = await notes.save({ text: "written" });
const read = await until(() => notes.findOneBy({ id }));
const replica = async (mode) => {
  const runner = application.createQueryRunner(mode);
  try {
    return (await runner.query("SELECT pg_is_in_recovery() AS replica"))[0].replica;
  } finally {
    await runner.release();
  }
};
const undone = await application
  .transaction(async (manager) => {
    await manager.getRepository(Note).save({ text: "undone" });
    throw new Error("rolled back");
  })
  .catch((error) => error.message);
const left = await application.query("SELECT count(*)::int AS n FROM notes_typeorm WHERE text = 'undone'");
const many = await Promise.all(Array.from({ length: 60 }, () => notes.countBy({ id })));
const found = {
  migrations: { first, second, pending },
  read: read?.text,
  replica: { master: await replica("master"), slave: await replica("slave") },
  undone,
  left: left[0].n,
  many: many.every((n) => n === 1),
};
await application.destroy();
report(found);
