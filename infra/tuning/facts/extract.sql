-- Parameter facts of the server this runs on, as the text of pg<major>.json: one parameter a line, sorted by name.
--   psql --no-psqlrc --tuples-only --no-align --dbname=postgres --file=extract.sql > pg<major>.json
-- Run it on a server with no extension loaded and nothing set: only names, types, ranges and built-in defaults are read.
-- What differs between builds of a major is left out, so that any of them gives the same text: its number, members that
-- need a library (../values.ts lists them), and defaults that follow from either.
SELECT '{' || E'\n' || string_agg(line, E',\n' ORDER BY lower(name) COLLATE "C") || E'\n}'
FROM (
  SELECT
    name,
    to_json(name)::text || ': {"context": ' || to_json(context)::text || ', "vartype": ' || to_json(vartype)::text
    || coalesce(', "unit": ' || to_json(unit)::text, '')
    || CASE WHEN name = 'server_version_num' THEN '' ELSE coalesce(', "min": ' || min_val || ', "max": ' || max_val, '') END
    || coalesce(', "enumvals": [' || (
         SELECT string_agg(to_json(member)::text, ', ' ORDER BY position)
         FROM unnest(enumvals) WITH ORDINALITY AS members (member, position)
         WHERE member NOT IN ('lz4', 'zstd', 'io_uring')
       ) || ']', '')
    || CASE WHEN name IN (
         'server_version', 'server_version_num', 'default_toast_compression', 'krb_server_keyfile', 'unix_socket_directories'
       ) THEN '' ELSE coalesce(', "boot": ' || to_json(boot_val)::text, '') END
    || '}' AS line
  FROM pg_settings
  WHERE name NOT LIKE '%.%'
) AS parameters;
