#!/usr/bin/env bash
# Fetches the earlier report that BASELINE names: an address, a file or a folder; '' for none.
# Where there is no report yet, as before the first is published, there is nothing to compare with.
set -euo pipefail

case $BASELINE in
  '') exit 0 ;;
  http://* | https://*)
    found=$RUNNER_TEMP/baseline.json
    status=$(curl --silent --show-error --location --retry 3 --output "$found" --write-out '%{http_code}' "$BASELINE")
    if [ "$status" != 200 ] && [ "$status" != 404 ]; then
      echo "::error title=bnclaims::$BASELINE answered with status $status"
      exit 1
    fi
    [ "$status" = 200 ] || found=
    ;;
  *)
    found=$BASELINE
    [ -e "$found" ] || found=
    ;;
esac

if [ -z "$found" ]; then
  echo "::notice title=bnclaims::there is no earlier report at $BASELINE: nothing is compared"
fi
echo "since=$found" >> "$GITHUB_OUTPUT"
