// Run with settings.ts beside it: what `pgfleet clients --for prisma` prints.
import { failure, report, until } from "./report.mjs";
import { reader, writer } from "./settings.ts";

const { id } = await writer.note.create({ data: { text: "written" } });
const read = await until(() => reader.note.findUnique({ where: { id } }));
const replica = async (client) => (await client.$queryRaw`SELECT pg_is_in_recovery() AS replica`)[0].replica;
const refused = await failure(() => reader.note.create({ data: { text: "no" } }));
const undone = await failure(() =>
  writer.$transaction(async (inside) => {
    await inside.note.create({ data: { text: "undone" } });
    throw new Error("rolled back");
  }),
);
const left = await writer.note.count({ where: { text: "undone" } });
const many = await Promise.all(Array.from({ length: 60 }, () => writer.note.count({ where: { id } })));
const found = {
  read: read?.text,
  replica: { writer: await replica(writer), reader: await replica(reader) },
  refused,
  undone,
  left,
  many: many.every((n) => n === 1),
};
await Promise.all([writer.$disconnect(), reader.$disconnect()]);
report(found);
