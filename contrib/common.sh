# shellcheck shell=sh
# What contrib/quickstart and contrib/check share. Read with ".", not run;
# the caller has changed to the top of the source tree.

# Everything a build from a clean clone needs on Debian. "a|b": either will do.
# shellcheck disable=SC2034 # used by the scripts that read this file
build_packages="gcc libc6-dev make autoconf automake pkg-config|pkgconf
	libfuse3-dev libcurl4-openssl-dev|libcurl4-gnutls-dev|libcurl4-nss-dev
	libmicrohttpd-dev libinih-dev libjansson-dev libxml2-dev fuse3
	ca-certificates"

say()
{
	printf '==> %s\n' "$*"
}

die()
{
	printf '%s: %s\n' "${0##*/}" "$*" >&2
	exit 1
}

# run LOG COMMAND...: quiet when it works; its last lines when it doesn't.
run()
{
	run_log=$1
	shift
	"$@" >"$run_log" 2>&1 </dev/null && return 0
	tail -n 40 "$run_log" >&2
	return 1
}

# as_root COMMAND...
as_root()
{
	if [ "$(id -u)" -eq 0 ]; then
		"$@"
	else
		sudo "$@"
	fi
}

is_installed()
{
	dpkg-query -W -f '${db:Status-Status}\n' "$1" 2>/dev/null |
	    grep -qx installed
}

# Print those of the packages that are not installed.
missing_packages()
{
	for alternatives; do
		found=
		for package in $(printf '%s' "$alternatives" | tr '|' ' '); do
			if is_installed "$package"; then
				found=1
			fi
		done
		[ "$found" ] || printf '%s\n' "${alternatives%%|*}"
	done
}

# install_packages PACKAGE...: asks apt for what is missing, for nothing else.
install_packages()
{
	if ! command -v dpkg-query >/dev/null; then
		say "not a Debian system, so nothing is installed here; needed: $*"
		return
	fi
	# The lists are split into words on purpose.
	# shellcheck disable=SC2046
	set -- $(missing_packages "$@")
	[ $# -gt 0 ] || return 0
	say "installing $*"
	[ "$(id -u)" -eq 0 ] || command -v sudo >/dev/null ||
	    die "run me as root or install sudo: these packages are missing: $*"
	apt_log=$(mktemp "${TMPDIR:-/tmp}/spoolfs-apt.XXXXXX")
	run "$apt_log" as_root apt-get -q update ||
	    die "apt-get update failed; see $apt_log"
	run "$apt_log" as_root env DEBIAN_FRONTEND=noninteractive \
	    apt-get -q -y --no-install-recommends install "$@" ||
	    die "apt-get could not install $*; see $apt_log"
	rm -f "$apt_log"
	# Tests start an nginx of their own; the system's stays off unless it
	# was here before us.
	case " $* " in
	*" nginx"*) stop_system_nginx ;;
	esac
}

stop_system_nginx()
{
	if [ -d /run/systemd/system ]; then
		as_root systemctl --quiet disable --now nginx
	elif [ -x /etc/init.d/nginx ]; then
		as_root /etc/init.d/nginx stop
	fi >/dev/null 2>&1 || :
}

# How many jobs make gets.
jobs()
{
	nproc 2>/dev/null || echo 2
}
