#!/bin/sh
# The rules of the house that a program can check: who includes whom, who may
# end the process, that every file is listed and the manuals are well formed.

set -u
: "${top_srcdir:=$(cd "$(dirname "$0")/.." && pwd)}"
cd "$top_srcdir" || exit 1

count=0
bad=0

# check DESCRIPTION OFFENDERS: fine when there are none.
check()
{
	count=$((count + 1))
	if [ -z "$2" ]; then
		echo "ok $count - $1"
	else
		bad=1
		echo "not ok $count - $1"
		printf '%s\n' "$2" | sed 's/^/#   /'
	fi
}

skip()
{
	count=$((count + 1))
	echo "ok $count - $1 # SKIP $2"
}

# includes PATTERN FILE...: where files include what matches.
includes()
{
	pattern=$1
	shift
	grep -nE "^[[:space:]]*#[[:space:]]*include[[:space:]]*[<\"]$pattern" \
	    "$@" /dev/null
}

# Our C, without comments and strings, as FILE:LINE:text.
code()
{
	awk '
	FNR == 1 { comment = 0 }
	{
		text = $0
		gsub(/\\./, "", text)
		gsub(/"[^"]*"/, "\"\"", text)
		out = ""
		while (text != "") {
			if (comment) {
				end = index(text, "*/")
				if (!end)
					break
				text = substr(text, end + 2)
				comment = 0
			} else {
				start = index(text, "/*")
				if (!start) {
					out = out text
					break
				}
				out = out substr(text, 1, start - 1)
				text = substr(text, start + 2)
				comment = 1
			}
		}
		print FILENAME ":" FNR ":" out
	}' "$@"
}

# ---- layers ----------------------------------------------------------------

check "fs/ does not know http/, but for main" \
    "$(includes '(\.\./)?http/' fs/*.[ch] |
	grep -v '^fs/main\.c:[0-9]*:#include "http/\(control\|serve\)\.h"$')"
check "http/ does not know fs/" \
    "$(includes '(\.\./)?fs/' http/*.[ch])"
check "cache/ knows neither" \
    "$(includes '(\.\./)?(fs|http)/' cache/*.[ch])"
check "only fs/ includes libfuse" \
    "$(includes 'fuse' cache/*.[ch] http/*.[ch])"
check "only http/ includes libmicrohttpd" \
    "$(includes 'microhttpd' cache/*.[ch] fs/*.[ch])"
check "only cache/{fetch,transfer,url} and http/ctl_call.c include libcurl" \
    "$(includes 'curl/' cache/*.[ch] fs/*.[ch] http/*.[ch] |
	grep -vE '^(cache/(fetch\.c|transfer\.[ch]|url\.c)|http/ctl_call\.c):')"
check "only cache/ini.c includes inih" \
    "$(includes 'ini\.h' cache/*.[ch] fs/*.[ch] http/*.[ch] |
	grep -v '^cache/ini\.c:')"
check "only http/ includes jansson and libxml2" \
    "$(includes '(jansson|libxml/)' cache/*.[ch] fs/*.[ch])"
check "nothing below main ends the process" \
    "$(code cache/*.[ch] fs/*.[ch] http/*.[ch] |
	grep -E '[^[:alnum:]_](_?exit|_Exit|quick_exit|abort|assert)[[:space:]]*\(' |
	grep -vE '^(fs/main|http/spoolctl)\.c:')"
check "every .c begins with config.h" \
    "$(for file in cache/*.c fs/*.c http/*.c tests/*/*.c; do
	[ -e "$file" ] || continue
	first=$(grep -m 1 '^#[[:space:]]*include' "$file")
	[ "$first" = '#include "config.h"' ] || echo "$file"
    done)"
check "no file is longer than 600 lines" \
    "$(for file in cache/*.[ch] fs/*.[ch] http/*.[ch]; do
	[ "$(wc -l <"$file")" -le 600 ] || wc -l "$file"
    done)"

# ---- the build -------------------------------------------------------------

check "Makefile.am lists every source and every test" \
    "$(for file in cache/*.[ch] fs/*.[ch] fs/*.[1-8] http/*.[ch] \
	http/*.[1-8] tests/*.[ch] tests/*.sh tests/*/*.[ch] \
	tests/e2e/*.py contrib/*; do
	[ -f "$file" ] || continue
	tr -s '[:space:]' '\n' <Makefile.am | grep -qxF "$file" || echo "$file"
    done)"

# ---- manuals ----------------------------------------------------------------

for page in fs/*.[1-8] http/*.[1-8]; do
	[ -e "$page" ] || continue
	if command -v mandoc >/dev/null; then
		check "$page is well formed" \
		    "$(mandoc -T lint -W warning "$page" 2>&1)"
	else
		skip "$page is well formed" "no mandoc"
	fi
done

echo "1..$count"
exit "$bad"
