CREATE TABLE "notes_prisma" (
    "id" SERIAL NOT NULL,
    "text" TEXT NOT NULL,

    CONSTRAINT "notes_prisma_pkey" PRIMARY KEY ("id")
);
