#!/bin/sh
# Install what this machine lacks: PostgreSQL's server programs, debootstrap, Python's venv. Nothing if all is there.
# Usage: lab/packages.sh <python interpreter>
set -eu

python=$1

if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    echo "Python 3.11 or newer is needed, and $python is not: make install PYTHON=/path/to/python3.11" >&2
    exit 1
fi

has_postgresql() {
    for version in 15 16 17 18; do
        if [ -x "/usr/lib/postgresql/$version/bin/initdb" ]; then return 0; fi
    done
    return 1
}

wanted=
has_postgresql || wanted="$wanted postgresql"
command -v debootstrap >/dev/null 2>&1 || [ -x /usr/sbin/debootstrap ] || wanted="$wanted debootstrap"
[ -e /usr/share/keyrings/debian-archive-keyring.gpg ] || wanted="$wanted debian-archive-keyring"
command -v gpgv >/dev/null 2>&1 || wanted="$wanted gpgv"
"$python" -c 'import ensurepip, venv' 2>/dev/null || wanted="$wanted python3-venv"

if [ -z "$wanted" ]; then exit 0; fi

if ! command -v apt-get >/dev/null 2>&1; then
    echo "Please install by hand, as there is no apt-get here:$wanted" >&2
    exit 1
fi

as_root() {
    if [ "$(id -u)" = 0 ]; then
        env DEBIAN_FRONTEND=noninteractive "$@"
    elif command -v sudo >/dev/null 2>&1; then
        # only a person at a terminal can be asked for a password
        if [ -t 0 ]; then ask=; else ask=-n; fi
        sudo $ask env DEBIAN_FRONTEND=noninteractive "$@"
    else
        echo "Installing$wanted needs root: run this as root, or install sudo, or install them by hand." >&2
        return 1
    fi
}

install() {
    as_root apt-get install --yes --quiet --no-install-recommends "$@"
}

echo "Installing:$wanted"
as_root apt-get update --quiet
case $wanted in
*postgresql*)
    if ! dpkg-query --show postgresql-common >/dev/null 2>&1; then
        # The package would make and start a cluster for the whole machine. Ours are private ones; a machine that
        # has the package already keeps its own setting.
        install postgresql-common
        as_root sed -i 's/^#\?create_main_cluster.*/create_main_cluster = false/' /etc/postgresql-common/createcluster.conf
    fi
    ;;
esac
# the list is split into words on purpose
# shellcheck disable=SC2086
install $wanted

if ! has_postgresql; then
    echo "The installed PostgreSQL is older than 15: install a newer one and run this again." >&2
    exit 1
fi
