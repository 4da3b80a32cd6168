#!/usr/bin/env bash
# Installs what INSTALL names, and this action's own bnclaims where that brings none.
set -euo pipefail

read -ra asked <<< "$INSTALL"
if [ "${#asked[@]}" -gt 0 ]; then
  python -m pip install "${asked[@]}"
fi
if ! python -m pip show --quiet bnclaims; then
  python -m pip install "${BASH_SOURCE[0]%/*}/.."
fi
# Other versions train anew, so the runs stored under these are found again by them.
echo "versions=$(python -m pip list --format=freeze | sha256sum | cut --characters=-16)" >> "$GITHUB_OUTPUT"
