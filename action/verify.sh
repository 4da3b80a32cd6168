#!/usr/bin/env bash
# Verifies the claims in CLAIMS. After MINUTES pytest is interrupted: it writes its report, and what is
# trained is stored, so that the next build goes on from there.
set -euo pipefail

read -ra paths <<< "$CLAIMS"
read -ra more <<< "$ARGUMENTS"
exec timeout --signal=INT --kill-after=2m "${MINUTES}m" \
  python -m pytest "${paths[@]}" -n auto --claims-store="$STORE" --claims-report="$REPORT" \
  ${PROTOCOL:+"--claims-protocol=$PROTOCOL"} ${REFERENCE:+"--claims-reference=$REFERENCE"} "${more[@]}"
