#!/bin/sh
# Makes the root file system of the container image, which dist/Dockerfile and the tests take from here.
set -eu

usage='Usage: dist/image.sh [BUILD] DIRECTORY|FILE.tar

Makes the root file system of the container image from what was built in BUILD (default: build): the program,
the libraries that it needs with their licenses, the certificates of authorities, one user, the configuration. Into a directory that is not there
yet, or as an archive for docker import, the same one each time. As root: the files belong to root, and the
program carries capabilities.'

# What the program may raise where the container is granted it. Permitted only, not effective: where it is not
# granted, the program starts all the same, without. The third is for kernels before 6.6, which ask for it where
# the process connector is opened.
capabilities=cap_dac_read_search,cap_net_admin,cap_sys_ptrace+p
# Loaded by dlopen(3) when they are wanted; those that the program is linked with ldd(1) tells.
loaded='libbpf.so.1 libcurl.so.4 libmicrohttpd.so.12 libmsgpackc.so.2 libz.so.1'
# Of the authorities that servers are checked by, those of the distribution: the machine may have others of its own.
authorities=/usr/share/ca-certificates/mozilla
user=65532 # `nonroot` of other images without a distribution

PATH=$PATH:/usr/sbin:/sbin
source=$(dirname "$0")/..

fail() {
	printf 'image.sh: %s\n' "$*" >&2
	exit 1
}

# The path of a library by its name, as the dynamic linker finds it.
library() {
	ldconfig -p | awk -v name="$1" '$1 == name { print $NF; found = 1; exit } END { exit !found }'
}

# The paths of all libraries, the dynamic linker's too, parted by newlines.
libraries() {
	for name in $loaded; do
		grep -q -F "$name" "$program" || continue
		library "$name" || fail "$name is not installed"
	done >"$work/loaded"
	# shellcheck disable=SC2046 # words on purpose
	ldd "$program" $(cat "$work/loaded") >"$work/linked"
	! grep -q 'not found' "$work/linked" || fail "missing: $(grep 'not found' "$work/linked")"
	{
		cat "$work/loaded"
		sed -n -E 's/^\t(.* => )?(\/[^ ]*) \(.*/\2/p' "$work/linked"
	} | sort -u
}

# The packages that the libraries are of, where that can be told: a package may have one in /lib that lies in /usr/lib.
packages() {
	# shellcheck disable=SC2046 # words on purpose
	{ dpkg-query -S $(xargs -n 1 readlink -f <"$work/libraries" | sed -n 'p; s|^/usr||p') 2>/dev/null || :; } |
		sed 's/[:,].*//' | sort -u
}

put_licenses() {
	install -D -m 644 "$source/LICENSE" "$root/usr/share/doc/proctor/LICENSE"
	command -v dpkg-query >/dev/null || return 0
	for package in $(packages) ca-certificates; do
		license=/usr/share/doc/$package/copyright
		[ ! -f "$license" ] || install -D -m 644 "$license" "$root$license"
	done
}

put_program() {
	install -D -s -m 755 "$program" "$root/usr/bin/proctor"
	libraries >"$work/libraries"
	while read -r path; do
		install -D -m 755 "$path" "$root$path"
	done <"$work/libraries"
	setcap "$capabilities" "$root/usr/bin/proctor"
}

put_files() {
	install -d -m 755 "$root/dev" "$root/etc" "$root/proc" "$root/sys"
	install -d -m 750 -o $user -g $user "$root/var/lib/proctor"
	echo "proctor:x:$user:$user:Proctor:/:/sbin/nologin" >"$root/etc/passwd"
	echo "proctor:x:$user:" >"$root/etc/group"
	chmod 644 "$root/etc/passwd" "$root/etc/group"
	install -D -m 644 "$source/dist/proctor.conf" "$root/etc/proctor/proctor.conf"
}

# Into one file, where libcurl looks for it.
put_authorities() {
	bundle=$(curl-config --ca)
	install -d -m 755 "$root${bundle%/*}"
	if [ -d "$authorities" ]; then
		awk 1 "$authorities"/*.crt # each ends in a newline, then
	else
		cat "$bundle"
	fi >"$root$bundle"
}

# Nothing in it tells of the day and the place.
put_archive() {
	tar -C "$root" --create --file="$1" --sort=name --mtime=@0 --numeric-owner --format=posix \
		--pax-option=exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime \
		--xattrs --xattrs-include=security.capability .
}

case $# in
1) build=$source/build target=$1 ;;
2) build=$1 target=$2 ;;
*)
	printf '%s\n' "$usage" >&2
	exit 2
	;;
esac
program=$build/proctor
[ -x "$program" ] || fail "$program is not there: build it first, by dist/bootstrap"
[ "$(id -u)" = 0 ] || fail 'only root can make it'
[ ! -e "$target" ] || fail "$target is there already"
umask 022
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
case $target in
*.tar) root=$work/root ;;
*) root=$target ;;
esac
install -d -m 755 "$root"
put_program
put_files
put_authorities
put_licenses
[ "$root" = "$target" ] || put_archive "$target"
