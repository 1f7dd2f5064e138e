#!/bin/bash
# Installs what a part of the work needs and the machine does not have: Debian packages by apt-get,
# Python packages into build/venv.  `scripts/setup.sh GROUP…`; a second run changes nothing.
set -eu
# Who builds packages has installed what they need.
[ "${ABIO_SETUP-}" != no ] || exit 0
cd "$(dirname "$0")/.."

# One at a time, for make -j starts several: apt-get waits for no other that reads the lists.  The
# lock is on this file, and what is installed does not inherit it.
if [ -z "${ABIO_SETUP_LOCKED-}" ] && command -v apt-get >/dev/null &&
	command -v flock >/dev/null; then
	ABIO_SETUP_LOCKED=yes exec flock --close scripts/setup.sh scripts/setup.sh "$@"
fi

venv=build/venv
packages=()
pips=()
want_clang=
luas=(lua5.1 liblua5.1-0-dev lua5.2 liblua5.2-dev lua5.3 liblua5.3-dev lua5.4 liblua5.4-dev luajit
	libluajit-5.1-dev)

for group in "$@"; do
	case $group in
	generate) packages+=(python3) ;;
	build) packages+=(gcc libc6-dev binutils liburing-dev) ;;
	installcheck) packages+=(gcc g++ libc6-dev binutils pkg-config python3) ;;
	deb)
		# As debian/control has it, with what dpkg-buildpackage takes for granted, and what checks and
		# tries the packages.
		mapfile -t needed < <(sed -n '/^Build-Depends:/,/^[A-Z].*:/p' debian/control |
			sed '1s/^Build-Depends://; /^[A-Z].*:/d; s/(.*)//; s/[ ,]//g; /^$/d
				s/^debhelper-compat$/debhelper/; s/^dh-sequence-python3$/dh-python/')
		packages+=(build-essential lintian "${needed[@]}" "${luas[@]}") ;;
	clang)
		packages+=(clang)
		want_clang=yes
		;;
	test) packages+=(gcc libc6-dev binutils liburing-dev libcmocka-dev libseccomp-dev) ;;
	python)
		packages+=(gcc libc6-dev python3 python3-venv python3-dev)
		pips+=(cffi setuptools wheel)
		;;
	lua)
		packages+=(gcc libc6-dev "${luas[@]}" libffi-dev pkg-config)
		;;
	abi) packages+=(git gcc libc6-dev binutils liburing-dev python3 clang abigail-tools) ;;
	man) packages+=(gcc libc6-dev binutils liburing-dev python3 mandoc) ;;
	format) packages+=(clang-format) ;;
	check)
		packages+=(git gcc libc6-dev binutils liburing-dev libcmocka-dev libseccomp-dev
			python3 python3-venv python3-dev "${luas[@]}"
			libffi-dev pkg-config curl clang g++ strace openssl abigail-tools mandoc luarocks
			libjansson-dev)
		pips+=(cffi setuptools wheel pytest uvloop)
		want_clang=yes
		;;
	demo)
		packages+=(gcc libc6-dev binutils liburing-dev python3 python3-venv python3-dev lua5.4
			liblua5.4-dev luajit libluajit-5.1-dev libffi-dev pkg-config curl strace coreutils)
		pips+=(cffi setuptools wheel)
		;;
	bench)
		packages+=(gcc libc6-dev binutils liburing-dev libuv1-dev python3 python3-venv
			python3-dev strace)
		pips+=(cffi setuptools wheel uvloop aiofiles)
		;;
	host-*)
		# One package a line; where a command is named behind it, only if that is not here.
		while read -r package command; do
			[ -n "$command" ] && command -v "$command" >/dev/null || packages+=("$package")
		done <"tests/hosts/${group#host-}/packages"
		;;
	*)
		echo "setup: no group named $group" >&2
		exit 2
		;;
	esac
done

say() { echo "setup: $*" >&2; }

installed() {
	[ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# install_packages NAME…: one apt-get for all that are missing, or a message that names them.
install_packages() {
	local missing=() name as_root=()
	for name in "$@"; do
		installed "$name" || case " ${missing[*]-} " in
		*" $name "*) ;;
		*) missing+=("$name") ;;
		esac
	done
	[ ${#missing[@]} -gt 0 ] || return 0
	if [ "$(id -u)" -ne 0 ]; then
		if ! command -v sudo >/dev/null || ! sudo -n true 2>/dev/null; then
			say "these Debian packages are missing; install them as root, then try again:"
			say "  apt-get install ${missing[*]}"
			exit 1
		fi
		as_root=(sudo -n)
	fi
	say "installing ${missing[*]}"
	local apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq
		-o DPkg::Lock::Timeout=300)
	local log
	log=$(mktemp)
	if ! { "${apt[@]}" update && "${apt[@]}" install -y --no-install-recommends \
		"${missing[@]}"; } >"$log" 2>&1 </dev/null; then
		tail -n 20 "$log" >&2
		rm -f "$log"
		say "apt-get could not install ${missing[*]}: is the network there?"
		exit 1
	fi
	rm -f "$log"
}

# Another system's names for these are not known here, so the build is simply tried.
if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
	if [ ${#packages[@]} -gt 0 ] && [ ! -e build/.setup-said ]; then
		say "not a Debian system; these packages, or what they are called here, are needed:"
		say "  $(printf '%s\n' "${packages[@]}" | sort -u | tr '\n' ' ')"
		mkdir -p build && touch build/.setup-said
	fi
else
	[ ${#packages[@]} -eq 0 ] || install_packages "${packages[@]}"
	if [ -n "$want_clang" ]; then
		install_packages "libclang-rt-$(clang -dumpversion | cut -d. -f1)-dev"
	fi
fi

[ ${#pips[@]} -gt 0 ] || exit 0

python=/usr/bin/python3
[ -x $python ] || python=python3
if ! "$venv/bin/python" -c 'import pip' 2>/dev/null; then
	rm -rf "$venv"
	$python -m venv "$venv"
fi

# pips_missing: what the venv's Python does not find, one per line.
pips_missing() {
	"$venv/bin/python" - "${pips[@]}" <<-'EOF'
		import importlib.metadata, sys
		for name in sorted(set(sys.argv[1:])):
		    try:
		        importlib.metadata.version(name)
		    except importlib.metadata.PackageNotFoundError:
		        print(name)
	EOF
}

mapfile -t missing < <(pips_missing)
[ ${#missing[@]} -gt 0 ] || exit 0
say "installing into $venv: ${missing[*]}"
log=$(mktemp)
if ! "$venv/bin/pip" install --quiet --disable-pip-version-check --retries 1 "${missing[@]}" \
	>"$log" 2>&1 </dev/null; then
	# No package index within reach: Debian has all of these too.
	say "pip could not; taking Debian's packages"
	install_packages "${missing[@]/#/python3-}"
	sed -i 's/^include-system-site-packages = .*/include-system-site-packages = true/' \
		"$venv/pyvenv.cfg"
	mapfile -t missing < <(pips_missing)
	if [ ${#missing[@]} -gt 0 ]; then
		cat "$log" >&2
		say "neither pip nor Debian has ${missing[*]}; is the network there?"
		exit 1
	fi
fi
rm -f "$log"
