#!/usr/bin/env bash
# Tells GitHub what the report in REPORT says, beside the earlier one in SINCE, if there is one.
set -euo pipefail

exec python -m bnclaims github "$REPORT" --name "$NAME" ${SINCE:+--since "$SINCE"}
