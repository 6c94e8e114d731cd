#!/bin/sh
# Prints a Python that can carry Liandong (3.11 or later, with venv and pip), or says in one sentence what is missing.
# Usage: find_python.sh [PYTHON]   With an argument only that interpreter is looked at.

if ! command -v git >/dev/null 2>&1; then
    echo "Liandong needs git: install it and run make again." >&2
    exit 1
fi

able() {
    command -v "$1" >/dev/null 2>&1 &&
        "$1" -c 'import sys; assert sys.version_info >= (3, 11); import venv, ensurepip' >/dev/null 2>&1
}

version() {
    "$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null
}

if [ -n "$1" ]; then
    if able "$1"; then
        echo "$1"
        exit 0
    fi
    candidates=$1
else
    for python in python3 python3.14 python3.13 python3.12 python3.11 python; do
        if able "$python"; then
            echo "$python"
            exit 0
        fi
    done
    candidates=python3
fi

found=$(version "$candidates")
case $found in
'') echo "Liandong needs Python 3.11 or later with venv and pip: no $candidates runs here (PYTHON=... chooses another)." >&2 ;;
2.* | 3.? | 3.10) echo "Liandong needs Python 3.11 or later: $candidates is $found (PYTHON=... chooses another)." >&2 ;;
*) echo "Liandong needs venv and pip of $candidates $found: install its venv package (on Debian: python3-venv)." >&2 ;;
esac
exit 1
