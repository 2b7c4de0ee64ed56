#!/bin/sh
# Builds an RPM and a Debian package from the archive of `make dist`, each where its tools are, without network.
set -eu

usage='Usage: dist/packages.sh proctor-VERSION.tar.xz DIRECTORY [rpm | deb]

Builds proctor.rpm and proctor.deb in DIRECTORY, each where rpmbuild or dpkg-buildpackage is installed, or one of
them. Packages of debug symbols are not built.'

say() { printf 'packages.sh: %s\n' "$*" >&2; }

# --nodeps: another distribution tells rpm of none of its own packages; configure looks for each library.
build_rpm() {
	nodeps=
	! command -v dpkg >/dev/null || nodeps=--nodeps
	rpmbuild -tb $nodeps --quiet --define "_topdir $work/rpm" --define '_smp_mflags -j2' \
		--define 'debug_package %{nil}' "$archive" >"$work/log" 2>&1 || return 1
	find "$work/rpm/RPMS" -name '*.rpm' -exec cp {} "$target/proctor.rpm" \;
}

build_deb() {
	mkdir "$work/deb" && tar -C "$work/deb" -xJf "$archive" || return 1
	set -- "$work"/deb/*
	mv "$1/dist/debian" "$1/debian"
	(
		cd "$1" && DEB_BUILD_OPTIONS="nocheck noautodbgsym parallel=2 ${DEB_BUILD_OPTIONS-}" \
			dpkg-buildpackage --build=binary --no-sign
	) >"$work/log" 2>&1 || return 1
	find "$work/deb" -maxdepth 1 -name '*.deb' -exec cp {} "$target/proctor.deb" \;
}

# Builds one kind where its tool is; its log is shown when it fails.
build() {
	command -v "$2" >/dev/null || {
		say "$2 is not installed: no proctor.$1"
		return 0
	}
	"build_$1" || {
		cat "$work/log" >&2
		say "proctor.$1 cannot be built"
		return 1
	}
}

case $# in
2 | 3) ;;
*)
	printf '%s\n' "$usage" >&2
	exit 2
	;;
esac
archive=$(readlink -f "$1")
mkdir -p "$2"
target=$(readlink -f "$2")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for kind in ${3:-rpm deb}; do
	case $kind in
	rpm) build rpm rpmbuild ;;
	deb) build deb dpkg-buildpackage ;;
	*)
		printf '%s\n' "$usage" >&2
		exit 2
		;;
	esac
done
