/** What initdb would refuse, said before anything is created. */

import type { Report } from "../problems.ts";
import type { Draft } from "../schema/fleet.ts";

export function checkInitdb(draft: Draft, report: Report): void {
  const { localeProvider, locale, encoding, walSegmentSize, dataChecksums } = draft.initdb ?? {};
  if (
    walSegmentSize !== undefined &&
    (walSegmentSize < 1 || walSegmentSize > 1024 || !Number.isInteger(Math.log2(walSegmentSize)))
  ) {
    report.add(
      ["initdb", "walSegmentSize"],
      "is not a power of two from 1MB to 1GB. Write 1MB, 2MB, 4MB … 512MB or 1GB; most clusters have 16MB.",
    );
  }
  if (dataChecksums === false)
    report.warn(
      "initdb.dataChecksums is false: damaged pages will not be noticed, and it cannot be changed while the cluster runs.",
    );
  if (localeProvider === "icu") {
    if (draft.version !== undefined && draft.version < 15) {
      report.add(
        ["initdb", "localeProvider"],
        `is icu, which PostgreSQL ${draft.version} cannot use for a whole cluster; 15 and later can. Write libc, or a later version.`,
      );
    }
    if (encoding === "SQL_ASCII")
      report.add(["initdb", "encoding"], "is SQL_ASCII, which ICU cannot sort. Write UTF8, or localeProvider: libc.");
    if (locale !== undefined && (/[.@]/.test(locale) || locale === "C" || locale === "POSIX")) {
      report.add(
        ["initdb", "locale"],
        `is "${locale}", a locale of the C library. With localeProvider icu write a language tag, e.g. "en-US" or "und", or set localeProvider: libc.`,
      );
    }
  }
  if (localeProvider === "libc" && locale !== undefined) checkLibcLocale(locale, encoding, report);
}

function checkLibcLocale(locale: string, encoding: string | undefined, report: Report): void {
  if (/^[a-z]{2,3}(-[A-Za-z0-9]+)+$/.test(locale) || locale === "und") {
    report.add(
      ["initdb", "locale"],
      `is "${locale}", a language tag for ICU. With localeProvider libc write it as \`locale -a\` does, e.g. "C.UTF-8" or "en_US.UTF-8".`,
    );
    return;
  }
  const codeset = /\.([^@]+)/.exec(locale)?.[1]?.toLowerCase().replace(/[-_]/g, "");
  if (codeset === "utf8" && encoding !== undefined && encoding !== "UTF8" && encoding !== "SQL_ASCII") {
    report.add(
      ["initdb", "encoding"],
      `is ${encoding}, but the locale "${locale}" is for UTF8 only. Write encoding: UTF8, or a locale for ${encoding}.`,
    );
  }
  if (codeset !== undefined && codeset !== "utf8" && encoding === "UTF8") {
    report.add(
      ["initdb", "encoding"],
      `is UTF8, but the locale "${locale}" is for another encoding. Write a locale that ends in .UTF-8, e.g. "C.UTF-8".`,
    );
  }
}
