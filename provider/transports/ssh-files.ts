/** What is done with files on a host: pieces of shell whose arguments are the paths. */

/** Exit code that says: there is no such thing. */
export const MISSING = 44;

// $1 mode, $2 user that owns it with its group, $3 user whose group may read it. Only root can give files away.
const OWN = `own() { chmod "$2" "$1" || return 1
[ "$(id -u)" = 0 ] || return 0
if [ -n "$3" ]; then chown "$3:$(id -g "$3")" "$1"; elif [ -n "$4" ]; then chown "0:$(id -g "$4")" "$1"; fi; }`;

export const FILE_SCRIPTS = {
  readFile: `[ -e "$1" ] || exit ${MISSING}
stat -L -c '%a %.3Y' -- "$1" && cat -- "$1"`,
  // $1 file, $2 temporary, $3 bytes. Complete, on disk and with its owner before it has its name.
  writeFile: `${OWN}
umask 077; set -C
fail() { rm -f -- "$t"; exit 1; }
f=$1; t=$2; n=$3; mode=$4; user=$5; group=$6
cat > "$t" || fail
[ "$(wc -c < "$t")" -eq "$n" ] || { echo "only a part arrived" >&2; fail; }
own "$t" "$mode" "$user" "$group" || fail
sync -- "$t" || fail
mv -fT -- "$t" "$f" || fail`,
  makeDirectory: `${OWN}
umask 022; mkdir -p -- "$1" && own "$1" "$2" "$3" "$4"`,
  list: `[ -d "$1" ] || exit ${MISSING}
find "$1/" -mindepth 1 -maxdepth 1 -printf '%f\\0'`,
  readLink: `[ -e "$1" ] || [ -L "$1" ] || exit ${MISSING}
[ -L "$1" ] || { echo "not a symbolic link" >&2; exit 1; }
readlink -n -- "$1"`,
  // $1 target, $2 link, $3 temporary
  link: `ln -s -- "$1" "$3" && { mv -fT -- "$3" "$2" || { rm -f -- "$3"; exit 1; }; }`,
  rename: `mv -fT -- "$1" "$2"`,
  remove: `rm -rf -- "$1"`,
  exists: `[ -e "$1" ] || [ -L "$1" ] || exit ${MISSING}`,
} as const;
